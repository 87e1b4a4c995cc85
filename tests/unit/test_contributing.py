"""Each row of the table in CONTRIBUTING is tried: a throw-away file of `tests/throw_away` is put where the row says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree as ET

import pytest

from facewarden.core.registry import GROUPS

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = ROOT / "tests" / "throw_away"
PLACE = re.compile(r"`src/facewarden/([a-z_/]+)/NAME\.py`")
# what the registry group of a row is tested by; every group also by test_files
CONFORMANCE = {
    "pad": "test_detectors",
    "recognizers": "test_recognizers",
    "attacks": "test_attacks",
    "purifiers": "test_purifiers",
    "align": "test_align",
    "datasets": "test_data",
    "protocols": "test_data",
    "objectives": "test_objectives",
    "assets": "test_assets",
}

pytestmark = pytest.mark.slow


def folders_of(page: str) -> list[str]:
    """The folder of each row of the table, below `src/facewarden`, e.g. "data/datasets"."""
    return [found[1] for line in page.splitlines() if line.startswith("| a") and (found := PLACE.search(line))]


def examples() -> list[PurePosixPath]:
    return [PurePosixPath(path.relative_to(EXAMPLES).as_posix()) for path in sorted(EXAMPLES.rglob("*.py"))]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with the throw-away files in it; the folder to put on the path."""
    folder = tmp_path_factory.mktemp("contributing") / "src"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src" / "facewarden", folder / "facewarden", ignore=ignored)
    for example in examples():
        assert (folder / "facewarden" / example).parent.is_dir(), example
        shutil.copy(EXAMPLES / example, folder / "facewarden" / example)
    return folder


def python(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(path)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_every_row_of_the_table_has_a_throw_away_file() -> None:
    rows = folders_of((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    assert set(rows) == {example.parent.as_posix() for example in examples()}
    assert {row.replace("/", ".") for row in rows} == {*GROUPS.values(), "cli"}


def test_the_throw_away_files_write_the_methods_that_the_table_names() -> None:
    for line in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines():
        place = PLACE.search(line)
        for base, method in re.findall(r"`([A-Z]\w+)\.(\w+)", line) if place else ():
            texts = [path.read_text(encoding="utf-8") for path in (EXAMPLES / place[1]).glob("*.py")]
            assert any(f"({base})" in text and f"def {method}(" in text for text in texts), f"{base}.{method}"


def test_the_conformance_tests_run_on_them_and_pass(package: Path, tmp_path: Path) -> None:
    options = ["-q", "-k", "throw_away", "-p", "no:cacheprovider", f"--junitxml={tmp_path / 'tests.xml'}"]
    process = python(package, "-m", "pytest", "tests/conformance", *options)
    assert process.returncode == 0, process.stdout
    cases = list(ET.parse(tmp_path / "tests.xml").iter("testcase"))
    skipped = [case.get("name") for case in cases if case.find("skipped") is not None]
    assert not skipped
    ran = {(case.get("classname", "").rpartition(".")[2], case.get("name", "")) for case in cases}
    for group in GROUPS:
        assert any(file == "test_files" and f"[{group}-throw_away" in name for file, name in ran), group
    assert set(CONFORMANCE.values()) <= {file for file, _ in ran}


def test_a_kind_of_plan_runs_and_is_summarized(package: Path, tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text("kind: throw_away\nnumbers: [1, 2, 3]\n", encoding="utf-8")
    command = ("-m", "facewarden", "bench", str(tmp_path / "plan.yaml"), "--out", str(tmp_path / "out"))
    process = python(package, *command)
    assert process.returncode == 0, process.stderr
    assert "The sum is 14." in (tmp_path / "out" / "summary.md").read_text(encoding="utf-8")
    again = python(package, *command, "--resume")
    assert again.returncode == 0, again.stderr


def test_a_verb_gets_help_and_errors(package: Path) -> None:
    listed = python(package, "-m", "facewarden", "--help")
    assert "Count to a number" in listed.stdout
    explained = python(package, "-m", "facewarden", "throw-away", "--help")
    assert "where to stop" in explained.stdout, explained.stderr
    counted = python(package, "-m", "facewarden", "throw-away", "--number", "4")
    assert counted.stdout.split() == ["1", "2", "3", "4"], counted.stderr
    refused = python(package, "-m", "facewarden", "throw-away", "--number", "-1")
    assert refused.returncode == 2
    assert "facewarden throw-away --number 3" in refused.stderr


def test_files_of_another_distribution_join_by_entry_points(tmp_path: Path) -> None:
    groups = {f"{package.replace('.', '/')}": group for group, package in GROUPS.items()}
    points: dict[str, list[str]] = {}
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "__init__.py").write_text("")
    for example in examples():
        if (group := groups.get(example.parent.as_posix())) is None:
            continue  # verbs do not join from outside
        shutil.copy(EXAMPLES / example, tmp_path / "outside" / f"{group}_{example.name}")
        points.setdefault(group, []).append(f"{example.stem} = outside.{group}_{example.stem}")
    info = tmp_path / "outside-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: outside\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "\n".join(f"[facewarden.{group}]\n" + "\n".join(lines) for group, lines in points.items())
    )
    script = """
        import json
        from facewarden.core import registry
        outside = [e for group in registry.GROUPS for e in registry.list_entries(group) if e.origin == "outside"]
        loaded = [registry.load(e.group, e.name) for e in outside]
        print(json.dumps([[e.group, e.summary] for e in outside]))
    """
    path = f"{tmp_path}{os.pathsep}{ROOT / 'src'}"
    process = python(Path(path), "-c", textwrap.dedent(script))
    assert process.returncode == 0, process.stderr
    joined = json.loads(process.stdout)
    assert {group for group, _ in joined} == set(GROUPS)
    assert all(summary.startswith("Throw-away") for _, summary in joined)
