"""Run two commits on one machine and compare every number and pixel: `python tests/golden/compare.py OLD NEW`."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from golden import allowed
from golden.commands import PLANS, make_inputs, parts, spelled
from golden.same import differences

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Check both commits out, run the parts, compare; 1 when something differs that is not listed."""
    about = argparse.ArgumentParser(description=__doc__)
    about.add_argument("old", help="a commit")
    about.add_argument("new", help="a commit, or . for the working tree")
    about.add_argument("--only", nargs="+", default=[], metavar="PART", help=f"of {', '.join(parts(first=False))}")
    about.add_argument("--work", type=Path, help="folder that keeps what both sides wrote; temporary when left out")
    about.add_argument("--lines", type=int, default=10, help="differences shown for each part")
    about.add_argument("--listed", action="store_true", help="print what may differ, with reasons, and end")
    asked = about.parse_args()
    if asked.listed:
        tables = (
            allowed.IGNORED_FILES,
            allowed.IGNORED_KEYS,
            allowed.RENAMED_KEYS,
            allowed.ADDED_KEYS,
            allowed.CHANGED_LINES,
        )
        for table in tables:
            print(*(f"{name}: {reason}" for name, reason in table.items()), sep="\n")
        print(allowed.PROSE)
        return 0
    if asked.work is not None:
        return compare(asked.old, asked.new, asked.work.resolve(), asked.only, lines=asked.lines)
    with tempfile.TemporaryDirectory() as work:
        return compare(asked.old, asked.new, Path(work), asked.only, lines=asked.lines)


def compare(old: str, new: str, work: Path, only: list[str], *, lines: int) -> int:
    """Run and compare in a folder; what an earlier call finished there is not run again."""
    sources = {"old": _source(old, work / "source-old"), "new": _source(new, work / "source-new")}
    if not (work / "inputs" / "done").is_file():
        shutil.rmtree(work / "inputs", ignore_errors=True)
        make_inputs(work / "inputs", lambda command, folder: _run(sources["old"], command, folder))
        (work / "inputs" / "done").touch()
    wrong = 0
    for part in only or list(parts(first=False)):
        started = time.monotonic()
        failed = [side for side in ("old", "new") if not _ran(part, side, sources[side], work)]
        if failed:
            print(f"{part}: FAILED on {' and '.join(failed)}; see {work}/*/{part}/log.txt", flush=True)
            wrong += 1
            continue
        found, count = differences(work / "old" / part / "out", work / "new" / part / "out")
        wrong += bool(found or not count)
        state = f"{len(found)} DIFFER of" if found else "equal:"
        print(f"{part}: {state} {count} values ({time.monotonic() - started:.0f} s)", flush=True)
        print(*(f"  {line}" for line in found[:lines]), sep="\n", end="\n" if found else "")
    return 1 if wrong else 0


def _source(commit: str, folder: Path) -> Path:
    """The source folder of a commit, from git's own archive; of `.`, that of the working tree."""
    if commit == ".":
        return ROOT / "src"
    if not folder.is_dir():
        folder.mkdir(parents=True)
        packed = subprocess.run(["git", "archive", commit, "src"], cwd=ROOT, check=True, stdout=subprocess.PIPE)
        subprocess.run(["tar", "-x"], cwd=folder, check=True, input=packed.stdout)
    return folder / "src"


def _spells_as_first(source: Path) -> bool:
    """Whether a commit's verbs take their lists with commas and plans the first keys, as 0.1 does."""
    places = [source / "facewarden" / folder / "cloak.py" for folder in ("bench", "verbs")]
    return any("surrogates: str =" in path.read_text(encoding="utf-8") for path in places if path.is_file())


def _ran(part: str, side: str, source: Path, work: Path) -> bool:
    """Run a part of one side from nothing, unless it is done."""
    folder = work / side / part
    if (folder / "done").is_file():
        return True
    shutil.rmtree(folder, ignore_errors=True)
    out = folder / "out"
    out.mkdir(parents=True)
    (folder / "inputs").symlink_to(work / "inputs")  # ../inputs of either side: paths in results are equal
    first = _spells_as_first(source)
    if part in PLANS:  # JSON is YAML; beside the results, which are compared
        (out / f"{part}.yaml").write_text(json.dumps(spelled(PLANS[part], first=first)), encoding="utf-8")
    try:
        for command in parts(first=first)[part]:
            _run(source, command, out, log=folder / "log.txt")
    except subprocess.CalledProcessError:
        return False
    (out / f"{part}.yaml").unlink(missing_ok=True)
    (folder / "done").touch()
    return True


def _run(source: Path, command: list[str], folder: Path, *, log: Path | None = None) -> None:
    """Run a command of one side in a folder, on one thread and without a network."""
    settings = {"PYTHONPATH": str(source), "OMP_NUM_THREADS": "1", "FACEWARDEN_OFFLINE": "1"}
    heard = subprocess.run(
        [sys.executable, "-m", "facewarden", *command],
        cwd=folder, env={**os.environ, **settings}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    if log is not None:
        with log.open("a", encoding="utf-8") as file:
            file.write(heard.stdout)
    if heard.returncode:
        print(heard.stdout[-2000:], file=sys.stderr)
        heard.check_returncode()


if __name__ == "__main__":
    sys.exit(main())
