"""Captures of CelebA-Spoof get its own figures beside those of the standard; other captures do not."""

from __future__ import annotations

import numpy as np

from facewarden.evaluation.presentation import measure_presentation
from facewarden.evaluation.scores import Scores
from facewarden.metrics.celeba_spoof import RATES, recall_at_fpr


def scores(domain: str) -> Scores:
    rng = np.random.default_rng(0)
    label = np.tile([1, 0], 100)
    return Scores(
        key=np.array([f"k{i}" for i in range(200)]),
        score=rng.normal(size=200) + 2 * label,
        label=label,
        species=np.where(label == 1, "bona_fide", "print"),
        subject=np.array([f"s{i // 5}" for i in range(200)]),
        domain=np.full(200, domain),
        split=np.where(np.arange(200) < 100, "dev", "test"),
        illumination=np.full(200, ""),
        source="set",
        simulated=True,
    )


def test_the_official_recall_stands_beside_the_iso_figures() -> None:
    found = measure_presentation(scores("celeba_spoof"), policy="eer", seed=0, rounds=50)
    by_name = {metric.name: metric for metric in found.section.metrics}
    assert {"apcer_worst_species", "bpcer", *RATES} <= set(by_name)
    test = scores("celeba_spoof").where(split="test")
    for name, fpr in RATES.items():
        assert by_name[name].value == recall_at_fpr(test.score, test.label, fpr=fpr)
        assert by_name[name].group == {"domain": "celeba_spoof"}
        assert by_name[name].simulated


def test_other_captures_have_no_official_recall() -> None:
    found = measure_presentation(scores("alder"), policy="eer", seed=0, rounds=50)
    assert not {metric.name for metric in found.section.metrics} & set(RATES)
