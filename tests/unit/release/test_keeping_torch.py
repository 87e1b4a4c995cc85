"""The documented way to install keeps the torch that is there: pip and stub packages, without a network."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "installing.md"
KEEP = "python -m pip freeze | grep -iE '^(torch|torchvision)==' > torch.txt"


def stub(folder: Path, name: str, version: str, needs: tuple[str, ...] = ()) -> None:
    """A wheel that holds its metadata alone."""
    plain = name.replace("-", "_")
    about = f"{plain}-{version}.dist-info"
    metadata = "\n".join(["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}",
                          *(f"Requires-Dist: {one}" for one in needs), ""])  # fmt: skip
    tag = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(folder / f"{plain}-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{about}/METADATA", metadata)
        archive.writestr(f"{about}/WHEEL", tag)
        archive.writestr(f"{about}/RECORD", f"{about}/METADATA,,\n{about}/WHEEL,,\n{about}/RECORD,,\n")


@pytest.mark.slow
def test_the_constraints_of_the_page_keep_the_torch_that_is_there(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert KEEP in page
    assert "pip install -c torch.txt facewarden" in page
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for name in {one.split(">")[0].split("[")[0].strip() for one in project["dependencies"]} - {"torch", "torchvision"}:
        stub(shelf, name, "2026.0.0" if name != "pydantic" else "2.99")
    for torch, vision in (("2.6.0", "0.21.0"), ("2.13.0", "0.28.0")):
        stub(shelf, "torch", torch)
        stub(shelf, "torchvision", vision, (f"torch=={torch}",))
    stub(shelf, "facewarden", project["version"], tuple(project["dependencies"]))
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "env")], check=True)
    python = tmp_path / "env" / "bin" / "python"

    def pip(*words: str) -> str:
        common = ["--no-index", "--find-links", str(shelf), "-q", "--disable-pip-version-check"]
        found = subprocess.run(
            [str(python), "-m", "pip", "install", *common, *words], capture_output=True, text=True, check=False
        )
        assert found.returncode == 0, found.stderr
        frozen = [str(python), "-m", "pip", "freeze"]
        return subprocess.run(frozen, capture_output=True, text=True, check=True).stdout

    assert "torch==2.6.0" in pip("torch==2.6.0")
    kept = KEEP.replace("python -m", f"{python} -m", 1)
    subprocess.run(["bash", "-c", kept], check=True, cwd=tmp_path)
    told = pip("-c", str(tmp_path / "torch.txt"), "facewarden")
    assert "torch==2.6.0" in told
    assert "torchvision==0.21.0" in told
    subprocess.run([str(python), "-m", "pip", "uninstall", "-q", "-y", "torchvision", "facewarden"], check=True)
    assert "torch==2.13.0" in pip("facewarden")  # what happens without them: this is why the page says it
