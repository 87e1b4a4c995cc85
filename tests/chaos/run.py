"""Kill every long verb at random moments, fill its disk, read while it writes: `python tests/chaos/run.py`."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from chaos.process import Starter
from chaos.table import write_results
from chaos.trial import Trial, disk_trial, fresh, kill_trial, undisturbed
from chaos.verbs import PLAN, VERBS, ChaosVerb
from golden.commands import make_inputs

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "results"
CHAIN = 4
"""How often one command is killed before it may end."""


def main() -> int:
    """Run the trials, write what was found; 1 when something was not as it must be."""
    about = argparse.ArgumentParser(description=__doc__)
    about.add_argument("--kills", type=int, default=50, help="for each verb")
    about.add_argument("--disks", type=int, default=10, help="runs on a full disk, for each verb")
    about.add_argument("--seed", type=int, default=0, help="of moments and limits")
    about.add_argument("--only", nargs="+", default=[verb.name for verb in VERBS], help="verbs")
    about.add_argument("--work", type=Path, help="folder that keeps inputs and outputs; temporary without")
    about.add_argument("--out", type=Path, default=RESULTS, help="where reliability.json and .md are written; verbs "
                       "that are there and not asked for stay")  # fmt: skip
    asked = about.parse_args()
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as temporary, Starter() as starter:
        work = asked.work.resolve() if asked.work else Path(temporary)
        _inputs(work, starter)
        for verb in VERBS:
            if verb.name in asked.only:
                found = _verb(verb, work, starter, kills=asked.kills, disks=asked.disks, seed=asked.seed)
                _add(asked.out, verb.name, found)
                wrong += [f"{verb.name}: {text}" for trial in found["trials"] for text in trial["wrong"]]
    print(*wrong[:20], f"{len(wrong)} findings", sep="\n", flush=True)
    return 1 if wrong else 0


def _inputs(work: Path, starter: Starter) -> None:
    """Make what the commands read, once."""
    inputs = work / "inputs"
    if (inputs / "done").is_file():
        return
    shutil.rmtree(inputs, ignore_errors=True)

    def run(command: Sequence[str], folder: Path) -> None:
        running = starter.start(command, folder)
        if running.wait() != 0:
            raise RuntimeError(f"{' '.join(command)}: code {running.wait()}\n{running.errors()}")

    make_inputs(inputs, run)
    for name, count in (("many", 8), ("some", 6)):
        (inputs / name).mkdir()
        for number, path in enumerate(sorted((inputs / "captures" / "captures").rglob("*_rgb.png"))[:count]):
            shutil.copy(path, inputs / name / f"{number}.png")
    (inputs / "plan.yaml").write_text(json.dumps(PLAN), encoding="utf-8")
    (inputs / "done").touch()


def _verb(verb: ChaosVerb, work: Path, starter: Starter, *, kills: int, disks: int, seed: int) -> dict[str, Any]:
    commit = _commit()
    folder = work / verb.name
    fresh(folder)
    (folder / "inputs").symlink_to(work / "inputs")  # ../inputs of every run, so that paths in results are equal
    reference = undisturbed(verb, folder / "undisturbed", starter)
    times = f"first output {reference.first:.1f} s, last {reference.last:.1f} s, end {reference.whole:.1f} s"
    print(f"{verb.name}: {times}", flush=True)
    rng = np.random.default_rng([seed, *verb.name.encode()])
    trials: list[Trial] = []
    started = time.monotonic()
    while (left := kills - sum(len(trial.kills) for trial in trials)) > 0 and len(trials) < 3 * kills:
        trials.append(kill_trial(verb, folder / "trial", reference, starter, kills=min(left, CHAIN), rng=rng))
        _say(trials[-1], started)
    sizes = sorted(path.stat().st_size for path in (reference.folder / "out").rglob("*") if path.is_file())
    for _ in range(disks):
        limit = int(rng.integers(max(sizes[0], 1), max(sizes[-1], 2)))
        trials.append(disk_trial(verb, folder / "trial", reference, starter, limit=limit))
        _say(trials[-1], started)
    return {
        "commit": commit, "seed": seed, "chain": CHAIN, "files": len(reference.names),
        "seconds_to_first_output": round(reference.first, 2), "seconds_to_last_output": round(reference.last, 2),
        "seconds_undisturbed": round(reference.whole, 2), "seconds_of_trials": round(time.monotonic() - started, 1),
        "trials": [asdict(trial) for trial in trials],
    }  # fmt: skip


def _commit() -> str:
    """The last one that changed the package; "changed" is added where its files are not those of a commit."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=RESULTS.parent, capture_output=True, text=True, check=True).stdout

    changed = " changed" if git("status", "--porcelain", "--", "../src") else ""
    return git("log", "-1", "--format=%h", "--abbrev=12", "--", "../src").strip() + changed


def _add(out: Path, name: str, found: dict[str, Any]) -> None:
    """Write the results of one verb beside those of the others that are there."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / "reliability.json"
    held = json.loads(path.read_text(encoding="utf-8"))["verbs"] if path.is_file() else {}
    held[name] = found
    verbs = {verb.name: held[verb.name] for verb in VERBS if verb.name in held}
    write_results(out, verbs)


def _say(trial: Trial, started: float) -> None:
    what = f"full disk at {trial.limit} bytes" if trial.limit else f"killed at {trial.kills} s, {trial.outputs} files"
    about = f"codes {trial.codes}, {trial.compared} files, {trial.wrong or 'equal'}"
    print(f"{time.monotonic() - started:7.0f} {trial.verb}: {what}, {about}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
