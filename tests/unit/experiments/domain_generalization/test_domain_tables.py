"""Tables over domains: worked figures, groups of species, thresholds of subsets of sensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from facewarden.experiments.domain_generalization.domain_figures import domain_figures
from facewarden.experiments.domain_generalization.figures_over_seeds import ScoreSelection, ScoresOverSeeds
from facewarden.experiments.domain_generalization.settings import plan_of
from facewarden.experiments.domain_generalization.summary import summarize_transfer

SITES = [f"site_{number:02d}" for number in range(1, 6)]
SETTINGS: dict[str, Any] = {
    "data": {"captures": ["x.csv"]},
    "methods": {"base": {"entry": "vit_concat"}, "good": {"entry": "mmdg"}},
    "degraded": True,
    "parts": [
        {"title": "Halves", "methods": ["base", "good"], "protocols": ["half1_half2"], "baseline": "base",
         "seeds": [0, 1]},
    ],
}  # fmt: skip


def cell(method: str, protocol: str, seed: int) -> dict[str, Any]:
    """Scores drawn with a level of each site; every second site shows masks only."""
    rng = np.random.default_rng([seed, len(method)])
    count = 60
    domain = [site for site in SITES for _ in range(count)]
    label = [i % 2 for _ in SITES for i in range(count)]
    kinds = ["mask_rigid" if SITES.index(d) % 2 else ("print_flat" if i % 4 else "replay_pc") for i, d in
             enumerate(domain)]  # fmt: skip
    rows = {
        "label": label, "domain": domain, "subject": [f"{d}/{i // 4}" for i, d in enumerate(domain)],
        "species": ["bona_fide" if y else kind for y, kind in zip(label, kinds, strict=True)],
        "video": [str(i) for i in range(len(label))],
    }  # fmt: skip
    level = {site: 0.3 * place for place, site in enumerate(SITES)}
    strength = {"base": 1.0, "good": 2.0}[method]

    def scores(shift: float = 0.0) -> list[float]:
        base = np.array([level[d] for d in domain]) + strength * np.array(label) + shift
        return [float(value) for value in base + rng.normal(size=len(label))]

    held = {"dev": scores(), "test": scores()}
    lost = {"depth": scores(-5.0)}
    return {
        "simulated": True, "rows": {"dev": rows, "test": rows}, "unreadable": 0, "curve": [], "log": [],
        "missing": dict.fromkeys(("depth", "infrared", "depth+infrared"), lost["depth"]),
        "missing_dev": {name: scores(-5.0) for name in ("depth", "infrared", "depth+infrared")},
        "degraded": {"depth frozen": scores(-5.0)}, "degraded_dev": {"depth frozen": scores(-5.0)},
        "trainable": 1, "parameters": 2, "missing_fill": "pixel0",
        "scores": {rule: {"epoch": 1, **held} for rule in ("last_epoch", "source_dev_epoch", "oracle_target_epoch")},
        "audit": {"rows": [], "subjects": [], "sentences": []},
    }  # fmt: skip


def test_figures_are_those_of_each_domain_and_groups_are_where_they_occur() -> None:
    found = domain_figures(cell, "good", ["half1_half2"], seeds=[0, 1], look=ScoreSelection())
    assert found is not None
    assert found["auc"].domains == tuple(SITES)
    assert found["auc"].values.shape == (5, 2)
    assert found["auc of masks"].domains == ("site_02", "site_04")
    assert found["auc of prints"].domains == ("site_01", "site_03", "site_05")
    one = cell("good", "", 1)
    rows, test = one["rows"]["test"], np.array(one["scores"]["last_epoch"]["test"])
    inside = np.array(rows["domain"]) == "site_03"
    assert found["auc"].values[2, 1] == pytest.approx(roc_auc_score(np.array(rows["label"])[inside], test[inside]))
    prints = inside & (np.array([s in ("bona_fide", "print_flat") for s in rows["species"]]))
    assert found["auc of prints"].values[1, 1] == pytest.approx(
        roc_auc_score(np.array(rows["label"])[prints], test[prints])
    )
    assert np.allclose(found["threshold_regret"].values, found["hter"].values - found["hter_at_target_eer"].values)


def by_protocol(method: str, protocol: str, seed: int) -> dict[str, Any]:
    """Both protocols test the same sites, after trainings of their own; one tests masks there alone."""
    one = cell(method, protocol, seed if protocol.endswith("-masks") else seed + 10)
    rows = one["rows"]["test"]
    if protocol.endswith("-masks"):
        return one
    kept = [place for place, site in enumerate(rows["domain"]) if site != "site_05"]

    def only(values: list[Any]) -> list[Any]:
        return [values[place] for place in kept]

    held = one["scores"]["last_epoch"]
    return {
        **one, "rows": {"dev": one["rows"]["dev"], "test": {name: only(column) for name, column in rows.items()}},
        "scores": {"last_epoch": {**held, "test": only(held["test"])}},
        **{name: {what: only(scores) for what, scores in one[name].items()} for name in ("missing", "degraded")},
    }  # fmt: skip


def test_a_domain_that_several_protocols_test_counts_once_with_the_mean_of_its_figures() -> None:
    names = ["half1_half2-masks", "half1_half2-prints"]
    both = domain_figures(by_protocol, "good", names, seeds=[0, 1], look=ScoreSelection())
    first, second = (domain_figures(by_protocol, "good", [n], seeds=[0, 1], look=ScoreSelection()) for n in names)
    assert both is not None
    assert first is not None
    assert second is not None
    for figure in ("hter", "auc", "bpcer20"):
        assert both[figure].domains == tuple(SITES)
        assert both[figure].values[:4] == pytest.approx((first[figure].values[:4] + second[figure].values) / 2)
        assert both[figure].values[4] == pytest.approx(first[figure].values[4]), "one protocol tests the fifth site"
    turned = domain_figures(by_protocol, "good", names[::-1], seeds=[0, 1], look=ScoreSelection())
    assert turned is not None
    assert np.array_equal(turned["hter"].values, both["hter"].values), "the order of the protocols decides nothing"


def test_the_summary_says_that_protocols_share_domains_and_how_many_have_a_group() -> None:
    names = ["half1_half2-masks", "half1_half2-prints"]
    plan = plan_of({**SETTINGS, "parts": [{**SETTINGS["parts"][0], "protocols": names}], "scored_epochs": "last"})
    tables = {table.title: table for table in summarize_transfer(plan, by_protocol).tables}
    over = tables["Halves: Over domains, last epoch"]
    said = "540 captures tested, those of a domain that several protocols test under each of them"
    assert said in over.note
    assert "a domain under several protocols counts once, with the mean of its figures there" in over.note
    assert said in tables["Halves: AUC %, last epoch"].note
    groups = tables["Halves: Over domains, by group of species: last epoch"]
    assert "Domains that have the group: masks 2, prints 3, replays 3." in groups.note
    alone = {table.title: table for table in summarize_transfer(plan_of(SETTINGS), cell).tables}
    assert not any("several protocols" in table.note for table in alone.values())


def test_the_notes_say_what_uses_the_targets_labels_and_what_one_seed_leaves_out() -> None:
    over = {table.title: table for table in summarize_transfer(plan_of(SETTINGS), cell).tables}
    note = over["Halves: Over domains, last epoch"].note
    assert "set on the target's own labels" in note
    assert "all attacks of a domain together" in note
    assert "further domains and trainings" in note
    one = plan_of({**SETTINGS, "parts": [{**SETTINGS["parts"][0], "seeds": [0]}]})
    lone = {table.title: table for table in summarize_transfer(one, cell).tables}
    note = lone["Halves: Over domains, last epoch"].note
    assert "further domains" in note
    assert "and trainings" not in note
    assert "what another seed would give is not in it" in note


def test_a_missing_cell_gives_no_mean() -> None:
    def broken(method: str, protocol: str, seed: int) -> dict[str, Any] | None:
        return None if seed == 1 else cell(method, protocol, seed)

    assert domain_figures(broken, "good", ["half1_half2"], seeds=[0, 1], look=ScoreSelection()) is None


def test_the_interval_is_over_domains_not_over_people() -> None:
    found = domain_figures(cell, "good", ["half1_half2"], seeds=[0], look=ScoreSelection())
    assert found is not None
    values = found["hter"].values[:, 0]
    mean = found["hter"].mean()
    assert mean is not None
    low, high = stats.t.interval(0.95, 4, loc=values.mean(), scale=stats.sem(values))
    assert (mean.interval().low, mean.interval().high) == pytest.approx((low, high))


def test_a_subset_of_sensors_may_have_its_own_threshold() -> None:
    """Without depth all scores are lower by five: the old threshold rejects everybody, the own one does not."""
    scores = ScoresOverSeeds(cell)

    def hter(*, own: bool) -> float:
        look = ScoreSelection(missing="depth", own_threshold=own)
        found = scores.over("good", "half1_half2", "hter", seeds=[0], look=look)
        assert found is not None
        return found.value

    assert hter(own=False) == pytest.approx(0.5, abs=0.02)
    assert hter(own=True) < 0.35


def test_the_summary_has_tables_over_domains_and_of_degraded_sensors() -> None:
    tables = {table.title: table for table in summarize_transfer(plan_of(SETTINGS), cell).tables}
    over = tables["Halves: Over domains, last epoch"]
    assert [row[0] for row in over.rows] == ["base", "good"]
    assert "5 domains, 2 seeds" in over.note
    assert "further domains" in over.note
    assert all("†" in column for column in over.columns if "regret" in column or "APCER" in column)
    paired = tables["Halves: Over domains, paired difference to base, percentage points, last epoch"]
    assert [row[0] for row in paired.rows] == ["good"]
    groups = tables["Halves: Over domains, by group of species: last epoch"]
    assert groups.columns == ("method", "AUC of masks %", "AUC of prints %", "AUC of replays %")
    wrong = [title for title in tables if "Degraded sensors" in title]
    assert len(wrong) == 3
    frozen = [row[over_column] for row in tables[wrong[0]].rows for over_column in [9]]
    assert len(frozen) == 2
