"""Kill every long verb at random moments, fill its disk, read while it writes: `python tests/chaos/run.py`."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from chaos.trial import Trial, disk_trial, kill_trial, run_once, undisturbed
from chaos.verbs import PLAN, VERBS, ChaosVerb
from golden.commands import make_inputs

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "results"
CHAIN = 3
"""How often one command is killed before it may end."""


def main() -> int:
    """Run the trials, write what was found; 1 when something was not as it must be."""
    about = argparse.ArgumentParser(description=__doc__)
    about.add_argument("--kills", type=int, default=50, help="for each verb")
    about.add_argument("--disks", type=int, default=10, help="runs on a full disk, for each verb")
    about.add_argument("--seed", type=int, default=0, help="of instants and limits")
    about.add_argument("--only", nargs="+", default=[verb.name for verb in VERBS], help="verbs")
    about.add_argument("--work", type=Path, help="folder that keeps inputs and undisturbed runs; temporary without")
    about.add_argument("--out", type=Path, default=RESULTS, help="where reliability.json and reliability.md go")
    asked = about.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = asked.work.resolve() if asked.work else Path(temporary)
        _inputs(work)
        found = {
            verb.name: _verb(verb, work, kills=asked.kills, disks=asked.disks, seed=asked.seed)
            for verb in VERBS
            if verb.name in asked.only
        }
    asked.out.mkdir(parents=True, exist_ok=True)
    about_run = {"seed": asked.seed, "chain": CHAIN, "verbs": found}
    (asked.out / "reliability.json").write_text(json.dumps(about_run, indent=1) + "\n", encoding="utf-8")
    (asked.out / "reliability.md").write_text(render(about_run), encoding="utf-8")
    wrong = [text for verb in found.values() for trial in verb["trials"] for text in trial["wrong"]]
    print(*wrong[:20], f"{len(wrong)} findings", sep="\n", flush=True)
    return 1 if wrong else 0


def _inputs(work: Path) -> None:
    """Make what the commands read, once."""
    inputs = work / "inputs"
    if (inputs / "done").is_file():
        return
    shutil.rmtree(inputs, ignore_errors=True)
    make_inputs(inputs, run_once)
    (inputs / "many").mkdir()
    for number, path in enumerate(sorted((inputs / "captures" / "captures").rglob("*_rgb.png"))[:8]):
        shutil.copy(path, inputs / "many" / f"{number}.png")
    (inputs / "plan.yaml").write_text(json.dumps(PLAN), encoding="utf-8")
    (inputs / "done").touch()


def _verb(verb: ChaosVerb, work: Path, *, kills: int, disks: int, seed: int) -> dict[str, Any]:
    reference = work / verb.name / "undisturbed"
    reference.mkdir(parents=True, exist_ok=True)
    if not (link := reference.parent / "inputs").exists():
        link.symlink_to(work / "inputs")  # ../inputs of every run, so that paths in results are equal
    first, last, whole = undisturbed(verb, reference)
    print(f"{verb.name}: first output {first:.1f} s, last {last:.1f} s, end {whole:.1f} s", flush=True)
    rng = np.random.default_rng([seed, *verb.name.encode()])
    trials: list[Trial] = []
    started = time.monotonic()
    while sum(len(trial.kills) for trial in trials) < kills and len(trials) < 3 * kills:
        left = kills - sum(len(trial.kills) for trial in trials)
        # spread over the time in which outputs appear: one instant in each equal part, in random order over trials
        part = (len(trials) % CHAIN + rng.random()) / CHAIN
        instants = [first + part * max(last - first, 0.2)]
        instants += [first + float(rng.random()) * max(last - first, 0.2) for _ in range(min(left, CHAIN) - 1)]
        trials.append(kill_trial(verb, work / verb.name / "trial", reference, instants))
        _say(verb, trials[-1])
    sizes = sorted(path.stat().st_size for path in (reference / "out").rglob("*") if path.is_file())
    for _ in range(disks):
        limit = int(rng.integers(max(sizes[0], 1), max(sizes[-1], 2)))
        trials.append(disk_trial(verb, work / verb.name / "trial", reference, limit))
        _say(verb, trials[-1])
    return {
        "seconds_to_first_output": round(first, 2), "seconds_to_last_output": round(last, 2),
        "seconds_undisturbed": round(whole, 2), "seconds_of_trials": round(time.monotonic() - started, 1),
        "trials": [asdict(trial) for trial in trials],
    }  # fmt: skip


def _say(verb: ChaosVerb, trial: Trial) -> None:
    what = f"full disk at {trial.limit} bytes" if trial.limit else f"killed at {trial.kills}"
    print(f"  {verb.name}: {what}, codes {trial.codes}, {trial.compared} values, {trial.wrong or 'equal'}", flush=True)


def render(found: dict[str, Any]) -> str:
    """The results as a page with one table."""
    head = (
        "| Verb | Kills | between first and last output | instants (s after each start) | full disks | values compared "
        "in each | not equal, half a file, or an orphan |"
    )
    lines = [head, "|---|---|---|---|---|---|---|"]
    for name, verb in found["verbs"].items():
        trials: Sequence[dict[str, Any]] = verb["trials"]
        instants = sorted(instant for trial in trials for instant in trial["kills"])
        spread = f"{instants[0]:.1f} to {instants[-1]:.1f}" if instants else "none"
        lines.append(
            f"| {name} | {len(instants)} | {sum(trial['between'] for trial in trials)} | {spread} | "
            f"{sum(trial['limit'] is not None for trial in trials)} | {min(t['compared'] for t in trials):,} | "
            f"{sum(len(trial['wrong']) for trial in trials)} |"
        )
    return (
        "# Reliability: kills and full disks\n\nEvery long verb is killed (SIGKILL, parent process alone) at random "
        "instants between its first and its last output, up to three times in a row, goes on with the same command, "
        "and its results are compared value by value and pixel by pixel with those of an undisturbed run; times of day,"
        " durations and folder names are not compared. Meanwhile a reader opens every file that appears. No worker may "
        "live two seconds longer than its parent. On a full disk (RLIMIT_FSIZE at a random size between that of the "
        "smallest and the largest output) a verb must end with code 74, or report the failed cell of a plan, leave no "
        "half file, and go on to the same results. The inputs are *simulated* captures.\n\n"
        f"`python tests/chaos/run.py`, seed {found['seed']}; every instant is in `reliability.json`.\n\n"
        + "\n".join(lines)
        + "\n"
    )


if __name__ == "__main__":
    sys.exit(main())
