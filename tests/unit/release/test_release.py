"""Versions, extras and pages of a release agree; wheels are reproducible, small and complete."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import facewarden_runtime
import pytest
import yaml

import facewarden
import model_cards
from facewarden.verbs.doctor import torch_pair

ROOT = Path(__file__).resolve().parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
RUNTIME = tomllib.loads((ROOT / "runtime" / "pyproject.toml").read_text(encoding="utf-8"))
LARGEST = 30_000_000


def test_one_version_everywhere() -> None:
    version = PROJECT["project"]["version"]
    assert version == RUNTIME["project"]["version"] == facewarden.__version__ == facewarden_runtime.__version__
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["version"] == version
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## \[{re.escape(version)}\] - ", changes, re.M)
    assert f"image: facewarden:{version}" in (ROOT / "compose.yaml").read_text(encoding="utf-8")


def test_every_extra_is_documented_and_nothing_else() -> None:
    page = (ROOT / "docs" / "installing.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `([a-z0-9]+)` \|", page, re.M))
    assert told == set(PROJECT["project"]["optional-dependencies"])


def test_the_page_of_model_cards_is_current() -> None:
    assert model_cards.PAGE.read_text(encoding="utf-8") == model_cards.page(), "python tests/model_cards.py --write"


def test_the_lock_has_every_dependency_and_no_address() -> None:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    assert not [line for line in lines if "://" in line or "@" in line]
    pinned = {re.split(r"[=\[]", line)[0].lower() for line in lines if "==" in line}
    project = PROJECT["project"]
    wanted = [*project["dependencies"], *(one for group in project["optional-dependencies"].values() for one in group)]
    names = {re.split(r"[<>=\[ ]", one)[0].lower() for one in wanted} - {"facewarden"}
    assert sorted(names - pinned) == [], "make lock"
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").split():
        assert line in {one.split(" ;")[0] for one in lines}, "make lock"


def test_compose_and_the_image_have_no_rights_and_no_password() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    assert services["facewarden"]["cap_drop"] == ["ALL"]
    assert services["database"]["environment"]["POSTGRES_PASSWORD"].startswith("${POSTGRES_PASSWORD:?")
    image = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert re.search(r"^USER 10001$", image, re.M)
    assert "HEALTHCHECK" in image


@pytest.mark.parametrize(
    ("torch", "vision", "state"),
    [("2.13.0+cpu", "0.28.0", "ok"), ("2.6.0", "0.21.0+cu124", "ok"), ("2.13.0", "0.27.1", "bad"),
     ("2.5.1", "0.20.1", "bad"), ("2.13.0", "", "absent"), ("", "", "bad"), ("3.0.0", "1.0", "absent")],
)  # fmt: skip
def test_doctor_names_a_torch_and_a_torchvision_that_do_not_fit(torch: str, vision: str, state: str) -> None:
    found = torch_pair(torch, vision)
    assert found.state == state
    assert ("torchvision==0.28" in found.fix) == (vision == "0.27.1")


def built(source: Path, target: Path) -> dict[str, bytes]:
    """Wheel and sdist of a project, by suffix."""
    environment = os.environ | {"SOURCE_DATE_EPOCH": "1764374400", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "build", "-q", "--no-isolation", "--outdir", str(target), str(source)]
    process = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert process.returncode == 0, process.stderr
    return {path.suffix: path.read_bytes() for path in target.iterdir()}


@pytest.mark.slow
@pytest.mark.parametrize("source", [ROOT, ROOT / "runtime"], ids=["facewarden", "runtime"])
def test_builds_are_the_same_bytes_twice(source: Path, tmp_path: Path) -> None:
    pytest.importorskip("build")
    one, other = (built(source, tmp_path / name) for name in ("one", "other"))
    assert set(one) == {".whl", ".gz"}
    for suffix, data in one.items():
        assert hashlib.sha256(data).hexdigest() == hashlib.sha256(other[suffix]).hexdigest(), suffix


@pytest.mark.slow
def test_the_wheel_is_small_and_runs_an_audit_without_a_network(tmp_path: Path) -> None:
    pytest.importorskip("build")
    found = built(ROOT, tmp_path / "dist")
    assert len(found[".whl"]) < LARGEST
    wheel, sdist = (next((tmp_path / "dist").glob(pattern)) for pattern in ("*.whl", "*.gz"))
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"src/facewarden/__init__.py", "tests/conftest.py", "runtime/pyproject.toml", "CHANGELOG.md"} <= names
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    names = {path.relative_to(tmp_path / "site").as_posix() for path in (tmp_path / "site").rglob("*")}
    assert {"facewarden/py.typed", "facewarden/weights/multi_cnn/weights.safetensors"} <= names
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FACEWARDEN")}
    environment |= {"PYTHONPATH": str(tmp_path / "site"), "FACEWARDEN_OFFLINE": "1", "FACEWARDEN_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "facewarden", "audit", "--preset", "quick", "--out", "audit"]
    process = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    assert (tmp_path / "audit" / "report.json").is_file()
