"""Evidence that adds up: calibration, ridges on parts, one-class terms, and what is held out when they are fitted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge

from facewarden.core.errors import BadInputError
from facewarden.metrics.pad import auc
from facewarden.nn.closed_form import DescribedRows
from facewarden.nn.evidence.calibration import balanced_weights, calibrated, largest_ratio, logistic, minimax_threshold
from facewarden.nn.evidence.dual_ridge import DualRidge, folds_of
from facewarden.nn.evidence.head import SUBSETS, EvidenceSum
from facewarden.nn.evidence.one_class import fit_expected, fit_typical, whitening_of
from facewarden.nn.evidence.terms import Expected, Term, Typical
from facewarden.pad.parts.evidence_fitting import EvidenceSettings, fit_evidence, pseudo_domains
from facewarden.pad.sensor_evidence import SensorEvidence


def test_weights_count_classes_and_groups_the_same() -> None:
    found = balanced_weights(np.array([1, 1, 1, 0, 0]), ["a", "a", "b", "a", "b"])
    assert found.tolist() == pytest.approx([0.125, 0.125, 0.25, 0.25, 0.25])
    with pytest.raises(BadInputError, match="bona fide and attack"):
        balanced_weights(np.array([1, 1]), ["a", "b"])


def test_the_logistic_regression_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 300)
    terms = rng.normal(size=(300, 3)) + labels[:, None] * np.array([1.0, 0.5, 0.2])
    weights = rng.uniform(0.5, 1.5, 300)
    weights /= weights.sum()
    found, intercept = logistic(terms, labels, weights, pull=0.02, toward=np.zeros(3), lowest=-1e9)
    oracle = LogisticRegression(C=1 / (2 * 0.02), tol=1e-10, max_iter=5000).fit(terms, labels, sample_weight=weights)
    assert found == pytest.approx(oracle.coef_[0], abs=2e-4)
    assert intercept == pytest.approx(float(oracle.intercept_[0]), abs=2e-4)


def test_evidence_against_the_labels_is_ignored_and_not_turned_around() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 400)
    terms = np.stack([rng.normal(size=400) + labels, rng.normal(size=400) - labels], axis=1)
    found, _ = logistic(terms, labels, np.full(400, 1 / 400), pull=1e-4, toward=np.ones(2), lowest=0.0)
    assert found[0] > 0.5
    assert found[1] == 0.0


def test_calibrated_scores_of_two_normal_classes_are_their_log_likelihood_ratio() -> None:
    # N(2, 1) against N(0, 1): log ratio = 2 s - 2
    rng = np.random.default_rng(2)
    labels = np.repeat([1, 0], [4000, 1000])
    scores = rng.normal(size=5000) + 2.0 * labels
    slope, offset = calibrated(scores, labels, balanced_weights(labels, [""] * 5000))
    assert slope == pytest.approx(2.0, abs=0.15)
    assert offset == pytest.approx(-2.0, abs=0.15)
    assert largest_ratio(99) == pytest.approx(np.log(100))


def test_the_threshold_is_the_best_of_the_worst_domain() -> None:
    # between 1 and 3 both domains are parted without an error
    scores = np.array([0.0, 3.0, 1.0, 4.0])
    labels = np.array([0, 1, 0, 1])
    assert minimax_threshold(scores, labels, ["a", "a", "b", "b"]) == pytest.approx(2.0)
    # the bona fide of a lie under the attacks of b: every threshold fails one domain by a half, two of them no other
    scores = np.array([0.0, 1.0, 2.0, 3.0])
    found = minimax_threshold(scores, np.array([0, 1, 0, 1]), ["a", "a", "b", "b"])
    errors = [((s >= found) != bool(y)) for s, y in zip(scores, (0, 1, 0, 1), strict=True)]
    assert sum(errors) == 1


def test_a_ridge_on_a_part_of_the_rows_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 60)
    x = (rng.normal(size=(60, 90)) + labels[:, None] * 0.3).astype(np.float32)
    domains = [f"d{i % 4}" for i in range(60)]
    rows = np.arange(60) % 5 != 0
    weights = (
        balanced_weights(labels[rows], [d for d, inside in zip(domains, rows, strict=True) if inside]) * rows.sum()
    )
    with_constant = np.concatenate([x, np.ones((60, 1))], axis=1).astype(np.float64)
    oracle = Ridge(alpha=7.0, fit_intercept=False).fit(
        with_constant[rows], np.where(labels[rows] == 1, 1.0, -1.0), sample_weight=weights
    )
    solved = DualRidge(x, labels, domains).solve(rows, 7.0)
    line, constant = solved.line()
    assert line == pytest.approx(oracle.coef_[:-1], abs=1e-4)
    assert constant == pytest.approx(oracle.coef_[-1], abs=1e-4)
    others = np.flatnonzero(~rows)
    assert solved.scores(others) == pytest.approx(with_constant[others] @ oracle.coef_, abs=1e-4)


def test_whitened_rows_have_unit_variance_but_for_the_shrinkage() -> None:
    rng = np.random.default_rng(4)
    rows = rng.normal(size=(20000, 3)) @ np.diag([3.0, 1.0, 0.5])
    white = rows @ whitening_of(rows)
    assert np.cov(white.T)[0, 0] == pytest.approx(9 / (0.9 * 9 + 0.1 * 10.25 / 3), abs=0.03)


def test_what_a_sensor_does_not_let_expect_lowers_the_score() -> None:
    rng = np.random.default_rng(5)
    source = rng.normal(size=(400, 6)).astype(np.float32)
    line = rng.normal(size=(6, 4))
    target = (source @ line + 0.1 * rng.normal(size=(400, 4))).astype(np.float32)
    layer = Expected(6, 4)
    fit_expected(layer, source[:300], target[:300])
    shuffled = np.concatenate([target[300:], target[rng.permutation(100) + 300]])
    scores = layer(torch.from_numpy(np.tile(source[300:], (2, 1))), torch.from_numpy(shuffled))
    assert auc(scores.double().numpy(), np.repeat([1, 0], 100)) > 0.95


def test_few_odd_places_are_seen_although_most_are_typical() -> None:
    rng = np.random.default_rng(6)
    tokens = rng.normal(size=(300, 64, 5)).astype(np.float32)
    layer = Typical(64 * 5, places=64)
    fit_typical(layer, tokens[:200].reshape(200, -1))
    partial = tokens[200:].copy()
    partial[:, :3] += 3.0
    scores = layer(torch.from_numpy(np.concatenate([tokens[200:], partial]).reshape(200, -1)))
    assert auc(scores.double().numpy(), np.repeat([1, 0], 100)) > 0.99


TERMS = (
    Term("color", "line", (0,), ("rgb",)),
    Term("infrared", "line", (1,), ("infrared",)),
    Term("both", "line", (0, 1), ("rgb", "infrared")),
    Term("agreement", "expected", (0, 1), ("rgb", "infrared")),
    Term("places", "typical", (2,), ("rgb",), places=4),
)
NEEDS = (("rgb",), ("infrared",), ("rgb",))


def drawn(seed: int, *, leak: float = 0.0, only: str | None = None, count: int = 40) -> dict[str, Any]:
    """Six domains; color tells all attacks or one group alone, `leak` adds the label with a sign of each domain."""
    rng = np.random.default_rng(seed)
    labels, domains, groups, subjects, color = [], [], [], [], []
    for number in range(6):
        sign = 1 if number % 2 else -1
        for i in range(count):
            label, group = i % 2, ("prints", "masks")[i // 2 % 2]
            labels.append(label)
            domains.append(f"site_{number}")
            groups.append("" if label else group)
            subjects.append(f"{number}/{i // 4}")
            told = 1.5 * (label or (only is not None and group != only))
            color.append(np.append(rng.normal(size=4) + told, leak * sign * (2 * label - 1) + 0.1 * rng.normal()))
    y = np.array(labels)
    infrared = rng.normal(size=(y.size, 3)) + 0.8 * y[:, None]
    places = rng.normal(size=(y.size, 8))
    return {
        "blocks": [np.asarray(one, np.float32) for one in (color, infrared, places)],
        "labels": y, "domains": domains, "groups": groups, "subjects": subjects,
    }  # fmt: skip


def fitted(rows: dict[str, Any], **settings: Any) -> tuple[EvidenceSum, dict[str, Any]]:
    head = EvidenceSum(TERMS, widths=(5, 3, 8), needs=NEEDS)
    given = {name: rows[name] for name in ("domains", "groups", "subjects")}
    log = fit_evidence(head, rows["blocks"], rows["labels"], **given, settings=EvidenceSettings(**settings))
    return head, log


def scored(head: EvidenceSum, rows: dict[str, Any], *, without: tuple[int, ...] = ()) -> np.ndarray:
    blocks = [np.full_like(b, np.nan) if i in without else b for i, b in enumerate(rows["blocks"])]
    with torch.no_grad():
        return head(torch.from_numpy(np.concatenate(blocks, axis=1))).double().numpy()


def test_a_fit_separates_people_that_it_did_not_see_and_zero_is_its_threshold() -> None:
    head, log = fitted(drawn(0))
    other = drawn(1)
    scores = scored(head, other)
    assert auc(scores, other["labels"]) > 0.95
    errors = ((scores >= 0) != (other["labels"] == 1)).mean()
    assert errors < 0.15
    assert log["held_out_groups"] == ["masks", "prints"]
    assert set(log["sensors"]) == {"+".join(names) for names in SUBSETS}


def test_what_tells_the_label_inside_a_domain_alone_gets_no_weight() -> None:
    """The sign differs by domain: inside the training rows it is perfect, at a held-out domain it is worth nothing."""
    rows = drawn(2, leak=8.0)
    rows["blocks"][0][:, :4] = np.random.default_rng(9).normal(size=(len(rows["labels"]), 4))
    _, log = fitted(rows)
    color = next(one for one in log["terms"] if one["term"] == "color")
    assert color["held_out_auc"] < 0.7
    weights = log["sensors"]["rgb+depth+infrared"]["weights"]
    assert weights["color"] * color["slope"] < 0.2 * weights["infrared"] * log["terms"][1]["slope"]


def test_what_tells_one_group_alone_is_worth_less_when_groups_are_held_out() -> None:
    """A term that learned prints says nothing of masks; only a fit that holds groups out can know that."""
    rows = drawn(3, only="prints", count=80)
    _, held = fitted(rows)
    _, seen = fitted(rows, hold_out_species=False)
    assert held["terms"][0]["held_out_auc"] < seen["terms"][0]["held_out_auc"] - 0.05


def test_missing_sensors_drop_their_terms_and_have_a_threshold_of_their_own() -> None:
    head, log = fitted(drawn(4))
    other = drawn(5)
    alone = scored(head, other, without=(1,))
    blocks = other["blocks"]
    changed = {**other, "blocks": [blocks[0], blocks[1] + 100, blocks[2]]}
    assert np.array_equal(alone, scored(head, changed, without=(1,)))
    assert auc(alone, other["labels"]) > 0.8
    assert abs(float(np.mean((alone >= 0) != (other["labels"] == 1)))) < 0.3
    assert set(log["sensors"]["rgb"]["weights"]) == {"color", "places"}
    assert log["sensors"]["depth"]["weights"] == {}


def test_ratios_are_limited_to_what_the_rows_support() -> None:
    head, log = fitted(drawn(6))
    loose, _ = fitted(drawn(6), clip=False)
    extreme = {**drawn(7)}
    extreme["blocks"] = [1000 * block for block in extreme["blocks"]]
    description = torch.from_numpy(np.concatenate(extreme["blocks"], axis=1))
    with torch.no_grad():
        ratios, free = head.ratios(description)[0], loose.ratios(description)[0]
    limits = torch.tensor([one["limit"] for one in log["terms"]])
    # 240 rows, half of them attacks; bona fide rows that are scored once for each held-out group count once
    assert limits.tolist() == pytest.approx([largest_ratio(120)] * len(TERMS))
    assert (ratios.abs() <= limits + 1e-5).all()
    assert float(free.abs().max()) > 10 * float(limits.max())


def test_the_same_rows_give_the_same_fit() -> None:
    one, other = fitted(drawn(8))[0].state_dict(), fitted(drawn(8))[0].state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_people_are_held_out_where_domains_are_too_few() -> None:
    parts = pseudo_domains(["lab"] * 9, [f"p{i // 3}" for i in range(9)])
    assert len(set(parts)) > 1
    assert all(len({parts[3 * p + i] for i in range(3)}) == 1 for p in range(3)), "a person is in one part"
    assert pseudo_domains(["a", "b", "c"], ["1", "2", "3"]) == ["a", "b", "c"]
    with pytest.raises(BadInputError, match="more people"):
        pseudo_domains(["lab"] * 4, ["p"] * 4)
    assert sorted(set(folds_of([f"d{i:02d}" for i in range(20)]).tolist())) == list(range(6))


def test_dev_has_no_part_in_the_fit(tmp_path: Path) -> None:
    """A threshold is set on dev: what was fitted there would be too sure of it."""
    model = SensorEvidence.example(tmp_path)
    rng = np.random.default_rng(0)
    train = described_rows(model, rng)
    first, second = (model.fit(train, dev=described_rows(model, rng)) for _ in range(2))
    assert first == second


def described_rows(model: SensorEvidence, rng: np.random.Generator) -> DescribedRows:
    count = 48
    labels = np.arange(count) % 2
    description = rng.normal(size=(count, model.network.describer.width)) + 0.3 * labels[:, None]
    return DescribedRows(
        description.astype(np.float32), labels, domains=tuple(f"d{i // 2 % 4}" for i in range(count)),
        species=tuple("bona_fide" if y else ("print_flat", "mask_rigid")[i // 2 % 2] for i, y in enumerate(labels)),
        subjects=tuple(f"p{i // 4}" for i in range(count)),
    )  # fmt: skip
