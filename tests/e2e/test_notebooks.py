"""The notebooks run from the first cell to the last, without a network."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import facewarden
from facewarden.assets import locate
from facewarden.core.errors import MissingAssetError

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "notebooks"
PARTS = {"audit_your_detector": (), "cloak_and_purify": ("yunet", "facesdk_mobilefacenet", "faceplugin_recognizer")}


def test_the_notebooks_are_these_and_hold_no_output() -> None:
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(PARTS)
    for path in FOLDER.glob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        assert not [
            cell for cell in cells if cell["cell_type"] == "code" and (cell["outputs"] or cell["execution_count"])
        ]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the kernel's own packages
@pytest.mark.parametrize("name", sorted(PARTS))
def test_the_notebook_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    try:
        for part in PARTS[name]:
            locate(part)
    except MissingAssetError as error:
        pytest.skip(f"{error.message}: {error.hint}")
    source = str(Path(facewarden.__file__).parent.parent)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([source, os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("FACEWARDEN_OFFLINE", "1")
    if not PARTS[name]:
        monkeypatch.setenv("FACEWARDEN_HOME", str(tmp_path / "empty"))
    book = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    nbclient.NotebookClient(
        book, timeout=900, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    printed = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in printed if output.output_type == "error"]
    assert printed
