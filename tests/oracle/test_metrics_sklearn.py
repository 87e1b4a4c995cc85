"""Areas, curves and equal error rates against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import auc as area_of
from sklearn.metrics import roc_auc_score, roc_curve

from facewarden.metrics import match, pad


def draw(seed: int, digits: int | None) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, 700)
    scores = rng.normal(size=700) + rng.uniform(0, 3) * labels
    return (scores if digits is None else scores.round(digits)), labels


CASES = [(seed, digits) for seed in range(5) for digits in (None, 1, 0)]


@pytest.mark.parametrize(("seed", "digits"), CASES)
def test_area(seed: int, digits: int | None) -> None:
    scores, labels = draw(seed, digits)
    assert pad.auc(scores, labels) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert match.auc(scores[labels == 1], scores[labels == 0]) == pytest.approx(roc_auc_score(labels, scores))


@pytest.mark.parametrize(("seed", "digits"), CASES)
def test_every_point_of_the_curve(seed: int, digits: int | None) -> None:
    scores, labels = draw(seed, digits)
    fpr, tpr, thresholds = roc_curve(labels, scores, drop_intermediate=False)
    for rate, hit, threshold in zip(fpr, tpr, thresholds, strict=True):
        if not np.isfinite(threshold):
            continue  # scikit-learn's reject-all
        assert pad.pooled_apcer(scores[labels == 0], float(threshold)) == pytest.approx(rate)
        assert pad.bpcer(scores[labels == 1], float(threshold)) == pytest.approx(1 - hit)
    assert area_of(fpr, tpr) == pytest.approx(pad.auc(scores, labels))


@pytest.mark.parametrize(("seed", "digits"), CASES)
def test_equal_error_and_rate_at_a_rate(seed: int, digits: int | None) -> None:
    scores, labels = draw(seed, digits)
    fpr, tpr, _ = roc_curve(labels, scores, drop_intermediate=False)
    # The crossing by bisection along the polygon's arc instead of by our algebra.
    position = np.arange(fpr.size, dtype=float)
    low, high = 0.0, float(fpr.size - 1)
    for _ in range(100):
        middle = (low + high) / 2
        if np.interp(middle, position, fpr) < 1 - np.interp(middle, position, tpr):
            low = middle
        else:
            high = middle
    assert pad.eer(scores, labels) == pytest.approx(float(np.interp(low, position, fpr)), abs=1e-9)
    assert match.eer(scores[labels == 1], scores[labels == 0]) == pytest.approx(pad.eer(scores, labels))
    for target in (0.0, 0.01, 0.05, 0.1, 0.5):
        best = tpr[fpr <= target].max()
        assert pad.tpr_at_fpr(scores, labels, fpr=target) == pytest.approx(best)
        found = match.tar_at_far(scores[labels == 1], scores[labels == 0], far=target)
        assert found == pytest.approx(best)
