"""How long every PAD figure with its interval takes on two million scores, beside a plain scikit-learn bootstrap.

Run with `python benchmarks/metrics_intervals.py`. One core is used. The plain loop resamples whole subjects, calls
scikit-learn's roc_curve and roc_auc_score on the resample for EER, AUC and BPCER at 5 % APCER only, is timed for a few
rounds and multiplied up to as many rounds as the summary does.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from sklearn.metrics import roc_auc_score, roc_curve
from threadpoolctl import threadpool_limits

from facewarden.core.decision import DecisionRule
from facewarden.metrics.summary import presentation_summary

LIMIT_S = 5.0
SPECIES = [
    "print_flat",
    "print_bent",
    "cutout",
    "replay_phone",
    "replay_tablet",
    "replay_pc",
    "mask_rigid",
    "mask_soft",
]


def scores_of(rows: int, subjects: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, rows)
    who = rng.permutation(rows) % subjects
    scores = rng.normal(size=rows) + 2.5 * labels + rng.normal(0, 0.5, subjects)[who]
    return {
        "scores": scores,
        "labels": labels,
        "species": np.where(labels == 1, "", rng.choice(SPECIES, rows)),
        "subjects": np.char.add("subject-", who.astype(str)),
        "who": who,
    }


def plain_round(data: dict[str, np.ndarray], order: np.ndarray, starts: np.ndarray, rng: np.random.Generator) -> float:
    drawn = rng.integers(0, starts.size - 1, starts.size - 1)
    rows = np.concatenate([order[starts[k] : starts[k + 1]] for k in drawn])
    labels, scores = data["labels"][rows], data["scores"][rows]
    fpr, tpr, _ = roc_curve(labels, scores)
    equal = fpr[np.argmin(np.abs(fpr - (1 - tpr)))]
    return float(equal + roc_auc_score(labels, scores) + tpr[fpr <= 0.05].max())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--subjects", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--plain-rounds", type=int, default=3)
    options = parser.parse_args()
    rule = DecisionRule(1.25, "eer", "dev", "benchmark", 1, 1)

    slowest = 0.0
    for subjects in (options.subjects, options.rows):
        data = scores_of(options.rows, subjects)
        start, cpu = time.perf_counter(), time.process_time()
        found = presentation_summary(
            data["scores"],
            data["labels"],
            species=data["species"],
            subjects=data["subjects"],
            rule=rule,
            seed=0,
            rounds=options.rounds,
        )
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        slowest = max(slowest, seconds)
        print(
            f"{options.rows:,} scores, {np.unique(data['who']).size:,} subjects: {len(found)} figures with "
            f"{options.rounds} rounds in {seconds:.2f} s ({cpu:.2f} s of one core)"
        )
        if subjects == options.subjects:
            order = np.argsort(data["who"], kind="stable")
            starts = np.concatenate([[0], np.cumsum(np.bincount(data["who"], minlength=subjects))])
            rng = np.random.default_rng(1)
            start = time.perf_counter()
            for _ in range(options.plain_rounds):
                plain_round(data, order, starts, rng)
            plain = (time.perf_counter() - start) / options.plain_rounds * options.rounds
            print(
                f"a plain loop over scikit-learn, three figures only: {plain:.0f} s "
                f"(from {options.plain_rounds} rounds), {plain / seconds:.0f} times as long"
            )
    print(f"limit {LIMIT_S:.0f} s: {'kept' if slowest <= LIMIT_S else 'EXCEEDED'}")
    return int(slowest > LIMIT_S)


if __name__ == "__main__":
    with threadpool_limits(1):
        raise SystemExit(main())
