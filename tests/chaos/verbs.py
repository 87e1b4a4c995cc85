"""The commands that are killed, small but with many outputs, and how each goes on after a kill."""

from __future__ import annotations

from dataclasses import dataclass

from golden.commands import INPUTS, SURROGATES

PLAN = {
    "kind": "vulnerability",
    "captures": f"{INPUTS}/captures/manifest.csv",
    "models": {"one": "multitask"},
    "heads": ["live"],
    "attacks": {"pgd": {"eps": [2, 8], "set": {"steps": 1}}, "fgsm": {"eps": [4]}},
    "samples": 2,
    "noise": 1,
    "sfa": {"epochs": 1, "samples": 4},
}
"""A plan of several cells, some of which need others."""


@dataclass(frozen=True)
class ChaosVerb:
    """One verb under test.

    Attributes:
        name: of the verb.
        first: its command line; `out` is the output folder, relative to the folder of the trial.
        again: what is added to go on after a kill.
    """

    name: str
    first: tuple[str, ...]
    again: tuple[str, ...] = ()


_CAPTURES = f"{INPUTS}/captures/manifest.csv"
_FACES = "--surrogates", *SURROGATES

VERBS = (
    ChaosVerb("simulate", ("simulate", "out", "--subjects", "8", "--captures-per-subject", "4", "--size", "96",
                           "--seed", "3", "--workers", "2", "--maps")),
    ChaosVerb("train", ("train", f"{INPUTS}/recipe.json", "--captures", _CAPTURES, "--out", "out", "--seed", "1",
                        "--epochs", "4"), ("--resume",)),
    ChaosVerb("bench", ("bench", f"{INPUTS}/plan.yaml", "--out", "out", "--workers", "2"), ("--resume",)),
    ChaosVerb("purify", ("purify", f"{INPUTS}/many", "--out", "out", "--workers", "2", "--batch", "2")),
    ChaosVerb("cloak", ("cloak", f"{INPUTS}/some", "--out", "out", *_FACES, "--workers", "2", "--batch", "2")),
    ChaosVerb("audit", ("audit", "--preset", "quick", "--seed", "2", "--out", "out"), ("--resume",)),
)  # fmt: skip
"""In the order in which they run; `small.py` gives the preset of the audit small sizes."""
