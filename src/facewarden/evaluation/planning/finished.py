"""Rates of a finished test, from what facewarden wrote or from counts that somebody types."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facewarden.core.errors import BadInputError
from facewarden.core.guards.bounded import read_json_bounded
from facewarden.evaluation.planning.plan import FinishedRate

METRICS = ("apcer", "bpcer", "iapar", "far", "frr")
_COUNT = re.compile(r"(?P<metric>[a-z]+)(:(?P<species>[^=]+))?=(?P<errors>\d+)/(?P<n>\d+)")
_USED = {"split", "threshold", "domain", "attack"}


def rates_typed(texts: Sequence[str]) -> list[FinishedRate]:
    """Read counts as typed: `apcer:print=3/150`, `bpcer=4/250`.

    Raises:
        BadInputError: a text that is no count.
    """
    found = []
    for text in texts:
        match = _COUNT.fullmatch(text.strip())
        if match is None or match["metric"] not in METRICS or not 0 <= int(match["errors"]) <= int(match["n"]) > 0:
            raise BadInputError(
                f"{text!r} is no count of errors", hint="such as apcer:print=3/150 bpcer=4/250 iapar:mask=0/90"
            )
        found.append(FinishedRate(match["metric"], match["species"] or "", int(match["errors"]), int(match["n"])))
    return found


def rates_of_file(path: Path) -> list[FinishedRate]:
    """Read the rates of a `scores.json` or `report.json`, or of a folder that holds one.

    Raises:
        BadInputError: there is none, or it holds no rate of a species.
    """
    inside = [path / name for name in ("scores.json", "report.json")] if path.is_dir() else [path]
    source = next((one for one in inside if one.is_file()), None)
    if source is None:
        raise BadInputError(
            f"{path}: no scores.json and no report.json", hint="the --out of facewarden evaluate scores or of audit"
        )
    held = read_json_bounded(source, limit="report_bytes")
    metrics = held.get("metrics") if isinstance(held, dict) else None
    if metrics is None and isinstance(held, dict):
        metrics = (held.get("presentation") or {}).get("metrics")
    if not isinstance(metrics, list):
        raise BadInputError(f"{source}: holds no metrics", hint="a scores.json or report.json that facewarden wrote")
    found = [rate for metric in metrics if (rate := _rate(metric)) is not None]
    if not found:
        raise BadInputError(f"{source}: holds no APCER and no BPCER", hint="measure presentations first")
    return found


def _rate(metric: Mapping[str, Any]) -> FinishedRate | None:
    name, group = str(metric.get("name")), dict(metric.get("group") or {})
    if name not in METRICS or _USED & set(group):
        return None
    n, value = int(metric["n"]), float(metric["value"])
    high = metric.get("high")
    upper = None if high is None else float(high)
    return FinishedRate(name, group.get("species", ""), round(value * n), n, upper, metric.get("simulated") is True)
