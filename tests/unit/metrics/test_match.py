"""Verification and identification figures on tables small enough to check by eye."""

from __future__ import annotations

import numpy as np
import pytest

from facewarden.core.errors import BadInputError
from facewarden.metrics import match

GENUINE = np.array([0.9, 0.8, 0.6, 0.3])
IMPOSTOR = np.array([0.1, 0.2, 0.4, 0.5, 0.7])


@pytest.mark.parametrize(
    ("threshold", "fmr", "fnmr"), [(0.0, 1.0, 0.0), (0.5, 2 / 5, 1 / 4), (0.51, 1 / 5, 1 / 4), (0.95, 0.0, 1.0)]
)
def test_match_rates(threshold: float, fmr: float, fnmr: float) -> None:
    assert match.fmr_fnmr(GENUINE, IMPOSTOR, threshold=threshold) == (fmr, fnmr)


def test_equal_error() -> None:
    # From (FMR 2/5, FNMR 1/4) at 0.5 to (1/5, 1/4) at 0.6: FMR passes 1/4 while FNMR stays.
    assert match.eer(GENUINE, IMPOSTOR) == pytest.approx(1 / 4)
    assert match.eer_threshold(GENUINE, IMPOSTOR) == pytest.approx(0.55)
    # 20 pairs; the genuine 0.3 loses to three impostors and 0.6 to one.
    assert match.auc(GENUINE, IMPOSTOR) == pytest.approx(16 / 20)


@pytest.mark.parametrize(("far", "tar"), [(0.0, 1 / 2), (0.19, 1 / 2), (0.2, 3 / 4), (0.4, 3 / 4), (0.6, 1.0)])
def test_tar_never_exceeds_its_far(far: float, tar: float) -> None:
    assert match.tar_at_far(GENUINE, IMPOSTOR, far=far) == tar
    threshold = match.far_threshold(GENUINE, IMPOSTOR, far=far)
    assert match.fmr_fnmr(GENUINE, IMPOSTOR, threshold=threshold)[0] <= far


def test_tied_impostors_are_rejected_together() -> None:
    # One in four impostors may pass, but the best two are tied, so neither does,
    # nor does the genuine pair tied to them.
    assert match.tar_at_far(np.array([0.5, 0.9]), np.array([0.5, 0.5, 0.1, 0.1]), far=0.25) == 0.5


def test_cross_validated_accuracy_uses_the_other_folds() -> None:
    # Fold 0 alone would choose 0.25 and be perfect; folds 1 and 2 choose (0.4 + 0.6) / 2 = 0.5 and lose its pair 0.3.
    similarity = np.array([0.3, 0.2, 0.6, 0.4, 0.6, 0.4])
    same = np.array([1, 0, 1, 0, 1, 0])
    folds = np.array([0, 0, 1, 1, 2, 2])
    found = match.accuracy_10fold(similarity, same, folds=folds)
    assert found.by_fold[0] == 0.5
    assert found.thresholds[0] == 0.5
    assert found.mean == pytest.approx(np.mean(found.by_fold))
    assert found.standard_error == pytest.approx(np.std(found.by_fold, ddof=1) / np.sqrt(3))


def test_perfect_pairs_are_perfect_in_every_fold() -> None:
    folds = np.repeat(np.arange(10), 4)
    same = np.tile([1, 1, 0, 0], 10)
    found = match.accuracy_10fold(same * 0.5 + 0.1, same, folds=folds)
    assert found.mean == 1.0
    assert found.standard_error == 0.0
    assert len(found.by_fold) == 10


def test_of_equally_good_thresholds_the_middle_one_is_taken() -> None:
    # The other fold has genuine 0.6 and 0.2, impostor 0.4 and 0.1: one error from 0.15, and one from 0.5, none better;
    # accepting from 0.3 on makes two. Of 0.15 and 0.5 the second counts as the middle.
    similarity = np.array([0.6, 0.2, 0.4, 0.1, 0.9, 0.0])
    found = match.accuracy_10fold(similarity, np.array([1, 1, 0, 0, 1, 0]), folds=np.array([1, 1, 1, 1, 0, 0]))
    assert found.thresholds[0] == 0.5


def test_accuracy_refuses_what_it_cannot_judge() -> None:
    with pytest.raises(BadInputError, match="two folds"):
        match.accuracy_10fold(np.array([0.1, 0.9]), np.array([0, 1]), folds=np.array([0, 0]))
    with pytest.raises(BadInputError, match="no impostor"):
        match.accuracy_10fold(np.array([0.1, 0.9]), np.array([0, 1]), folds=np.array([0, 1]))
    with pytest.raises(BadInputError, match="same must be"):
        match.accuracy_10fold(np.array([0.1, 0.9]), np.array([2, 1]), folds=np.array([0, 1]))


def test_rank_counts_identities_not_images() -> None:
    #            gallery: a1   a2   b    c
    similarity = np.array([[0.9, 0.8, 0.7, 0.1], [0.5, 0.6, 0.4, 0.1], [0.5, 0.6, 0.3, 0.2]])
    gallery = np.array(["a", "a", "b", "c"])
    probes = np.array(["a", "b", "c"])
    # a is first. b comes after a, whose two images are one candidate: second. c comes after a and b: third.
    for k, share in [(1, 1 / 3), (2, 2 / 3), (3, 1.0)]:
        assert match.rank_k(similarity, probes, gallery_ids=gallery, k=k) == pytest.approx(share)


def test_equal_embeddings_identify_no_one() -> None:
    similarity = np.ones((2, 2))
    assert match.rank_k(similarity, np.array(["a", "b"]), gallery_ids=np.array(["a", "b"]), k=1) == 0.0
    assert match.rank_k(similarity, np.array(["a", "b"]), gallery_ids=np.array(["a", "b"]), k=2) == 1.0


def test_rank_refuses_open_sets_and_shapes() -> None:
    ids = np.array(["a", "b"])
    with pytest.raises(BadInputError, match="z is not in the gallery"):
        match.rank_k(np.eye(2), np.array(["a", "z"]), gallery_ids=ids)
    with pytest.raises(BadInputError, match="shape"):
        match.rank_k(np.eye(3), ids, gallery_ids=ids)
    with pytest.raises(BadInputError, match="at least 1"):
        match.rank_k(np.eye(2), ids, gallery_ids=ids, k=0)
    with pytest.raises(BadInputError, match="NaN"):
        match.rank_k(np.full((2, 2), np.nan), ids, gallery_ids=ids)


def test_protection_and_what_the_cloak_adds() -> None:
    actual = np.array(["u"] * 4)
    cloaked, uncloaked = np.array(["x", "y", "x", "u"]), np.array(["u", "u", "x", "u"])
    assert match.protection_rate(cloaked, actual) == 3 / 4
    assert match.excess_protection_rate(cloaked, actual, predicted_uncloaked=uncloaked) == 3 / 4 - 1 / 4


def test_one_kind_of_pair_is_named() -> None:
    with pytest.raises(BadInputError, match="no impostor"):
        match.eer(GENUINE, np.zeros(0))
    with pytest.raises(BadInputError, match="no genuine"):
        match.tar_at_far(np.zeros(0), IMPOSTOR, far=0.1)
    with pytest.raises(BadInputError, match="no probe"):
        match.protection_rate(np.zeros(0, str), np.zeros(0, str))
