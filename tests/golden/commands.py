"""What both sides run: one small job of every kind, with inputs that the old side made."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

INPUTS = "../inputs"
SURROGATES = ("mobilefacenet_512", "dlib_resnet34")

_TRAINING = {"epochs": 1, "batch": 12}
_PRESENTATION = {
    "kind": "presentation",
    "data": {"simulate": {"subjects": 20, "captures_per_subject": 4, "size": 64, "seed": 5}},
    "whole_target": True,
    "seeds": [0],
    "defaults": {
        "model": {"size": 16, "trunk": "vit_tiny_patch16_224:fresh", "depth": 1, "tiling": "batch",
                  "precision": "float32"},
        "training": {"epochs": 1, "batch": 16, "rate": 0.003, "augmentation": {"drop": 0}},
    },
    "methods": {"mmdg": {"entry": "mmdg", "objective": "regrad"}},
    "parts": [{"title": "Leave one domain out", "methods": ["mmdg"], "protocols": ["bcd_a"]}],
}  # fmt: skip
_CLOAKING = {
    "kind": "cloaking",
    "set": "orl",
    "photos": 4,
    "users": 2,
    "seeds": [0],
    "judges": ["mobilefacenet_512", "mobilefacenet_128"],
    "cloaks": {"LowKey": {"attack": "lowkey", "level": 8, "surrogates": list(SURROGATES)}},
    "purifiers": {"puface": "puface", "JPEG": 'jpeg{"quality": 30}'},
    "tables": [
        {"title": "main", "cloaks": ["LowKey"], "purifiers": ["none", "puface", "JPEG"], "trackers": ["nearest"]}
    ],
    "rounds": 20,
}
_VULNERABILITY = {
    "kind": "vulnerability",
    "captures": f"{INPUTS}/captures/manifest.csv",
    "models": {"one": "multitask"},
    "heads": ["live", "spoof_type"],
    "attacks": {"pgd": {"eps": [2, 8], "set": {"steps": 2}}},
    "samples": 6,
    "noise": 1,
    "sfa": {"epochs": 1, "samples": 8},
}
_ADVERSARIAL_TRAINING = {
    "kind": "adversarial_training",
    "captures": f"{INPUTS}/captures/manifest.csv",
    "recipe": "multitask",
    "seeds": [0],
    "samples": 4,
    "start": {"model": {"size": 32}, "training": _TRAINING},
    "methods": {
        "pgd_at": {"training": _TRAINING, "objective": "pgd_at", "objective_settings": {"eps": 2.0, "steps": 1}}
    },
    "attacks": {"pgd": {"eps": [4], "set": {"steps": 1}, "readings": ["none", "sfa"]}},
    "transfer": {"method": "fgsm", "eps": [8]},
    "sfa": {"epochs": 1, "samples": 6},
}
PLANS = {
    "presentation": _PRESENTATION,
    "cloaking": _CLOAKING,
    "vulnerability": _VULNERABILITY,
    "adversarial_training": _ADVERSARIAL_TRAINING,
}
RECIPE = {
    "entry": "multi_cnn",
    "summary": "one epoch of a small network",
    "model": {"backbone": "mobilenetv3_small_050", "width": 16, "size": 64},
    "objective": "cross_entropy",
    "training": {"epochs": 1, "batch": 12},
}

SIMULATE = ("--subjects", "6", "--captures-per-subject", "6", "--size", "160", "--seed", "3", "--workers", "1")


def spelled(value: Any, *, first: bool) -> Any:
    """A plan or recipe as a side spells it: the new keys where it is not the layout of 0.1."""
    if first:
        return value
    if isinstance(value, dict):
        return {NEW_KEYS.get(key, key): spelled(below, first=False) for key, below in value.items()}
    return [spelled(below, first=False) for below in value] if isinstance(value, list) else value


NEW_KEYS: dict[str, str] = {}
"""Keys of plans that have another name since 0.1."""


def several(flag: str, values: tuple[str, ...], *, first: bool) -> list[str]:
    """A flag with several names, which 0.1 took with commas for the verb cloak."""
    return [flag, ",".join(values)] if first else [flag, *values]


def parts(*, first: bool) -> dict[str, list[list[str]]]:
    """Name of each part -> its commands.

    Args:
        first: for a commit of the layout of 0.1, whose flags have other names.
    """
    photos, captures = f"{INPUTS}/photos", f"{INPUTS}/captures/manifest.csv"
    cloaked = ["cloak", photos, "--out", "cloaked", *several("--surrogates", SURROGATES, first=first)]
    attack = ["attack", captures, "--detector", "multi_cnn", "--method", "pgd", "--eps", "4", "--out", "attack.parquet"]
    found = {
        "simulate": [["simulate", "captures", *SIMULATE, "--maps"]],
        "cloak": [cloaked],
        "purify": [["purify", f"{INPUTS}/cloaked", "--out", "purified"]],
        "score": [["score", captures, "--detector", "multi_cnn", "--out", "scores.parquet"]],
        "attack": [attack],
        "train": [["train", f"{INPUTS}/recipe.json", "--captures", captures, "--out", "trained", "--seed", "1"]],
        "audit": [
            ["audit", "--preset", "standard", "--seed", "2", "--out", "audit"]
        ],  # quick has other sizes than in 0.1,
    }
    return found | {kind: [["bench", f"{kind}.yaml", "--out", f"bench-{kind}"]] for kind in PLANS}


def make_inputs(folder: Path, run: Callable[[list[str], Path], None]) -> None:
    """Make what both sides read, with the old side.

    Args:
        folder: to write.
        run: runs a command of the old side in a folder.
    """
    folder.mkdir(parents=True)
    run(["simulate", "captures", *SIMULATE, "--maps"], folder)
    with (folder / "captures" / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["species"] == "bona_fide" or row["label"] == "1"]
    (folder / "photos").mkdir()
    for number, row in enumerate(rows[:3]):
        shutil.copy(folder / "captures" / row["rgb"], folder / "photos" / f"{number}.png")
    run(["cloak", "photos", "--out", "cloaked", *several("--surrogates", SURROGATES, first=True)], folder)
    shutil.rmtree(folder / "cloaked" / "record", ignore_errors=True)
    (folder / "recipe.json").write_text(json.dumps(RECIPE), encoding="utf-8")
