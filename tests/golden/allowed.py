"""What may differ between two commits whose numbers are equal: every entry says why."""

from __future__ import annotations

import re

IGNORED_FILES = {
    r"(^|/)provenance\.json$": "versions of packages and the machine",
    r"(^|/)log\.jsonl$": "times of day and durations",
    r"(^|/)command\.json$": "the command line as typed",
    r"(^|/)stages/created\.json$": "time of day",
    r"(^|/)code\.json$": "version of the code of a run, which 0.1 did not state",
    r"(^|/)lock$": "empty, held while a plan runs",
    r"(^|/)checkpoints?(/|\.|-)": "state of an unfinished training; what it ends in is compared",
    r"(^|/)\.": "temporary files",
    r"\.source$": "which folder a result was made of",
    r"(^|/)figure-\d+\.svg$": "drawings with intervals; the numbers in them stand in summary.json",
    r"(^|/)record/source$": "which folder a result was made of",
    r"(^|/)inputs\.json$": "hashes of what a run was computed from, which 0.1 did not keep",
}
"""Files that are not compared: pattern of the path -> reason."""

MOVED_FILES: dict[str, str] = {}
"""Old path -> new path, as patterns for `re.sub`."""

IGNORED_KEYS = {
    "provenance": "versions of packages and the machine",
    "created": "time of day",
    "generated": "time of day",
    "time": "time of day",
    "seconds": "a duration",
    "seconds_of_training": "a duration",
    "milliseconds": "a duration",
    "per_second": "a duration",
    "speed": "a duration",
    "command": "the command line as typed; flags were renamed",
    "version": "of the package, or of the code that computed a cell",
    "code": "version of the code that computed a cell, which 0.1 did not state",
    "precision": "a recipe's bf16 or bfloat16 became auto, which is float32 wherever this script is of use",
    "sha256": "0.1 left the hash of a file of one's own empty; weights themselves are compared",
    "detector_sha256": "as sha256",
    "recipe_sha256": "hash of a recipe whose precision is spelled otherwise",
    "cells": "ids of cells: they hash the code's version and the settings",
    "cutter": "module path of the class that cuts crops",
    "manifest": "hash of the captures in the recipe of an audit: of their bytes, which 0.1 took of the table alone",
    "faces_sha256": "hash of the faces in the recipe of an audit, which 0.1 did not state",
    "schema": "address of the report's schema",
    "low": "the lower end of an interval, whose method changed (docs/results/intervals.md)",
    "high": "the upper end of an interval, as low",
    "note": "says how an interval was found",
    "grade": "follows the upper end of an interval; rises never with more errors",
    "reason": "quotes the interval behind a grade",
    "likelihood": "of a cloak: the detector of cloaks was fitted again, with edited photos",
    "suspicion": "weights of the detector of cloaks",
    "sizes": "of the preset quick, which is large enough for a grade now",
}
"""Keys, at any depth, that are not compared: key -> reason."""

IGNORED_ARRAYS = {"recipe": "text in an .npz file that says what its arrays were made of: hashes and versions of code"}
"""Arrays of .npz files that are not compared: name -> reason."""

RENAMED_KEYS = {
    "passed_over": "skip_people",
    "readings": "gradients",
    "reading": "gradient",
    "judges": "recognizers",
    "judge": "recognizer",
    "judge_is": "recognizer_is",
}
"""Old key -> the word that it may have become: both are read as the new one."""

ADDED_KEYS: dict[str, str] = {
    "match_threshold": "on every card; 0.1 had it in a table by name",
    "lost": "samples for which a model gives no finite number, which 0.1 did not count",
    "computed": "device and precision that computed, which 0.1 did not state",
    "missing_dev": "scores of dev without a sensor, which set a threshold of its own",
    "degraded": "scores with a degraded sensor",
    "degraded_dev": "as degraded, of dev",
    "threshold_regret": "a figure that 0.1 did not have",
    "bpcer20": "as threshold_regret",
}
"""Keys that only the new commit writes: key -> reason."""

_POISONING_NEW = r"excess_protection_rate|cloak_psnr_\w+"
CHANGED_LINES = {
    r"^audit/stages/perturbation-pgd-[^:]*: \.success\[\d+\]: 0, now 1$": (
        "a white-box attack keeps what succeeds on the way to its last step"
    ),
    r"^audit/report\.json: \.perturbation\.(metrics|tables|figures|finding)\b": (
        "restates the stages, which are compared"
    ),
    rf"^audit/report\.json: \.poisoning\.metrics\[({_POISONING_NEW})\b.*: new, ": "metrics that 0.1 did not have",
    r"^audit/report\.json: \.poisoning\.metrics\[cloak_psnr \{.*\.value: ": "pooled over the set, no mean of photos",
    r"^audit/report\.json: \.poisoning\.finding: ": "tells of the excess, which 0.1 did not measure",
    r"^bench-presentation/.*\.(faint_base|base_ratio)/\w+: new": "lengths of ReGrad's bases, which are new",
    r"^bench-presentation/.*\.peeking\[\d+\]: new": "names of the new figures that use the target's labels",
    r"^bench-presentation/.*\.view\.fit: new": "how a frame is fitted into the view, which 0.1 could not choose",
    r"^bench-presentation/summary\.(json: \.tables\[|md: |tex: )": "restates the cells, and has more tables",
    r"(^|/)purified\.csv: kind\[\d+\]: new, ": "the likeliest kind of cloak, which 0.1 did not tell",
    r"(^|/)purified\.jsonl: \d+\.kind: new, ": "as in purified.csv",
    r": [^ ]*\.settings\.kinds\.(names|weights|bias)\b[^ ]*: new, ": "lines of kinds of cloaks on the card of puface",
    r"^audit/report\.(html|md): numbers: ": "restates the JSON, which is compared",
}
"""Differences that are meant: pattern of the line -> reason."""

RENAMED_VALUES: dict[str, str] = {"Judge": "Recognizer"}
"""Old value of a text without blanks, such as a name -> new value."""

_END = r"\s*[-−+]?[\d.]+\s*(?:\\?%)?\s*"
INTERVAL = re.compile(rf"\\?[\[(]{_END}(?:,|to|–|-){_END}\\?[\])]")
"""An interval in a text, such as "[15.0, 60.0]": both ends are by another method now and are not compared."""

TRIPLES = "a list of a value, the ends of its interval and perhaps a count: the ends are not compared, as low and high"

PROSE = "a text with a blank is prose: words were made plainer, so that only the numbers in it are compared"

HASH = re.compile(r"(?<![0-9a-zA-Z])[0-9a-f]{12,64}(?![0-9a-zA-Z])")
"""Hashes in names of files and in texts: of settings with renamed keys, so that equal work has another one."""


def ignored_file(name: str) -> bool:
    """Whether a file, named relative to the folder of its side, is not compared."""
    return any(re.search(pattern, name) for pattern in IGNORED_FILES)


def meant(line: str) -> bool:
    """Whether a difference is one of `CHANGED_LINES`."""
    return any(re.search(pattern, line) for pattern in CHANGED_LINES)
