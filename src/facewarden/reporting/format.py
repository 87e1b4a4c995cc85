"""How names and numbers are written in a report: "3.1 % (2.0–4.9), n = 240", the same way everywhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from facewarden.reporting.document import Metric

_SPACE = "\u00a0"  # a number and its unit stay on one line

LABELS: Mapping[str, str] = MappingProxyType(
    {
        "acer_pooled": "ACER, species pooled",
        "acer_worst_species": "ACER, worst species",
        "apcer": "APCER",
        "accepted_and_matched_rate": "Attacks accepted that still match their owner",
        "accepted_rate_before_camera": "Attacks accepted, shown to a simulated camera",
        "accepted_rate_injected": "Attacks accepted, injected behind the camera",
        "apnrr": "APNRR",
        "bpnrr": "BPNRR",
        "apcer_pooled": "APCER, species pooled",
        "apcer_worst_species": "APCER, worst species",
        "attack_match_rate": "Attacks that match their target",
        "auc": "AUC",
        "bpcer": "BPCER",
        "bpcer10_worst_species": "BPCER at APCER 10 %, worst species",
        "bpcer20_worst_species": "BPCER at APCER 5 %, worst species",
        "bpcer100_worst_species": "BPCER at APCER 1 %, worst species",
        "bpcer10_pooled": "BPCER at APCER 10 %, species pooled",
        "bpcer20_pooled": "BPCER at APCER 5 %, species pooled",
        "bpcer100_pooled": "BPCER at APCER 1 %, species pooled",
        "brier_equal_priors": "Brier score of the probability, equal priors",
        "clean_match_rate": "Attacks that match their owner, unattacked",
        "eer": "EER",
        "eps_half": "Budget that flips half",
        "excess_protection_rate": "Protection rate above no cloak",
        "fdr": "FDR (1 = equal)",
        "fmr": "FMR",
        "fnmr": "FNMR",
        "frr_full_system": "FRR, full system",
        "gap_first": "FMR, highest less lowest group",
        "gap_second": "FNMR, highest less lowest group",
        "garbe": "GARBE (0 = equal)",
        "hter": "HTER",
        "iapar": "IAPAR",
        "iapar_worst_species": "IAPAR, worst species",
        "inequity_ratio": "Inequity ratio (1 = equal)",
        "ladder_success": "Attacks accepted, ladder of attackers",
        "protection_rate": "Protection rate",
        "ratio_first": "FMR, highest by lowest group",
        "ratio_second": "FNMR, highest by lowest group",
        "recall_at_fpr_1_percent": "Recall of attacks at FPR 1 %, official",
        "recall_at_fpr_0_5_percent": "Recall of attacks at FPR 0.5 %, official",
        "recall_at_fpr_0_1_percent": "Recall of attacks at FPR 0.1 %, official",
        "success_rate": "Attack success rate",
        "tar_at_far_0_1_percent": "TAR at FAR 0.1 %",
        "tar_at_far_1_percent": "TAR at FAR 1 %",
        "verification_accuracy": "Verification accuracy",
    }
)
"""Metric name -> how the page writes it; other names lose their underscores."""


_AT_FPIR = re.compile(r"fnir_at_fpir_([\d_]+)_percent")


def label(name: str) -> str:
    """A metric's name for display."""
    if found := _AT_FPIR.fullmatch(name):
        return f"FNIR at FPIR {found[1].replace('_', '.')} %"
    return LABELS.get(name, name.replace("_", " ").strip().capitalize())


_OBVIOUS = ("species", "attack", "goal", "modality", "modalities", "domain", "illumination")


def group_text(group: Mapping[str, str]) -> str:
    """The group of a metric as text, e.g. "pgd, rgb, ε = 8/255" or "cloak push away, purifier none"."""
    return ", ".join(_pair(key, value) for key, value in group.items())


def _pair(key: str, value: str) -> str:
    if key == "eps":
        return f"ε{_SPACE}={_SPACE}{value}"
    return plain(value) if key in _OBVIOUS else f"{plain(key)} {plain(value)}"


def plain(name: str) -> str:
    """A registry name without underscores."""
    return name.replace("_", " ")


def number(value: float, *, unit: str = "") -> str:
    """A number with its unit, e.g. 0.031 and "%" give "3.1 %"."""
    return _digits(value, unit=unit, like=value) + _tail(unit)


def interval(low: float, high: float, *, unit: str = "", like: float) -> str:
    """Both ends of an interval with the digits of the number `like` that they belong to, e.g. "2.0–4.9"."""
    return f"{_digits(low, unit=unit, like=like)}–{_digits(high, unit=unit, like=like)}"


def measured(metric: Metric) -> str:
    """A metric's number, interval and sample count, e.g. "3.1 % (2.0–4.9), n = 240"."""
    ends = ""
    if metric.low is not None and metric.high is not None:
        ends = f" ({interval(metric.low, metric.high, unit=metric.unit, like=metric.value)})"
    return f"{number(metric.value, unit=metric.unit)}{ends}, n{_SPACE}={_SPACE}{metric.n}"


def _digits(value: float, *, unit: str, like: float) -> str:
    scale = 100.0 if unit == "%" else 1.0
    size = abs(like) * scale
    text = f"{value * scale:.{_places(size, unit)}f}"
    return text.removeprefix("-") if float(text) == 0 else text.replace("-", "\u2212")


def _places(size: float, unit: str) -> int:
    if unit in ("%", "/255"):
        return 2 if 0 < size < 0.1 else 1
    return 3 if size < 10 else 1 if size < 1000 else 0


def _tail(unit: str) -> str:
    return unit if unit.startswith("/") or not unit else f"{_SPACE}{unit}"
