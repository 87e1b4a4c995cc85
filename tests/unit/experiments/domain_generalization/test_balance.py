"""The positive control of balance: the cue, probes, validity, blind attacks, invariance, and the plan at toy size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from facewarden.core.labels import MODALITIES
from facewarden.core.settings import SettingError
from facewarden.data.manifest import Manifest
from facewarden.experiments.domain_generalization.balance.cue import corner, shown_class, with_cue
from facewarden.experiments.domain_generalization.balance.invariance import changes
from facewarden.experiments.domain_generalization.balance.probes import probe_scores
from facewarden.experiments.domain_generalization.balance.summary import BalanceTables
from facewarden.experiments.domain_generalization.crop_store import CropStore, make_store, view_of
from facewarden.experiments.domain_generalization.settings import plan_of
from facewarden.experiments.engine.plan_file import FOLDER, read_plan
from facewarden.metrics.pad import auc
from facewarden.pad.vit_concat import VitConcat
from facewarden.verbs.bench import bench
from four_domains import write_domains


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> tuple[Manifest, CropStore, VitConcat]:
    folder = tmp_path_factory.mktemp("balance")
    manifest = Manifest.read(write_domains(folder / "data", subjects=4).parent)
    model = VitConcat.untrained({"trunk": "vit_tiny_patch16_224:fresh", "depth": 1, "size": 32}, seed=0)
    model.requires_grad_(False).eval()
    return manifest, make_store(manifest, model, view=view_of(model, margin=1.0), folder=folder / "crops"), model


def test_the_cue_is_in_one_corner_of_one_sensor_and_tells_the_class_at_the_sources_alone(
    held: tuple[Manifest, CropStore, VitConcat],
) -> None:
    manifest, store, _ = held
    samples = store.readable(list(manifest))
    sources = [sample for sample in samples if sample.domain in ("alder", "cedar")]
    targets = [sample for sample in samples if sample not in sources]
    cued = with_cue(store, sources, targets, sensor="infrared", share=1.0)
    inside = corner(32)
    for sample in samples:
        place = store.place[sample.key]
        for name in MODALITIES:
            changed = (cued.images[name][place] != store.images[name][place]).any(dim=0)
            assert not bool(changed[~inside].any())
            assert name == "infrared" or not bool(changed.any())
    bright = {s.key: int(cued.images["infrared"][store.place[s.key], 0, -1, -1] > 128) for s in samples}
    assert all(bright[sample.key] == sample.label for sample in sources)
    agree = np.mean([bright[sample.key] == sample.label for sample in targets])
    assert 0.25 < agree < 0.75
    assert with_cue(store, sources, targets, sensor="depth", share=0.0) is store
    share = np.mean([shown_class(sample, share=0.5) == sample.label for sample in samples])
    assert 0.6 < share < 0.9


def test_a_probe_reads_its_own_sensor_alone(held: tuple[Manifest, CropStore, VitConcat]) -> None:
    """With the cue in depth, depth's token tells the sources' dev; color's does not know of it."""
    manifest, store, model = held
    samples = {split: store.readable(list(manifest.where(split=split))) for split in ("train", "dev", "test")}
    flat = {name: torch.zeros_like(images) for name, images in store.images.items()}
    blank = CropStore(store.view, flat, store.present, store.place, store.skipped)
    cued = with_cue(blank, [*samples["train"], *samples["dev"]], samples["test"], sensor="depth", share=1.0)
    found = probe_scores(
        model, lambda rows, only: cued.views(rows, batch=16, only=only), **samples, only=("rgb", "depth")
    )
    assert set(found) == {"rgb", "depth"}
    labels = np.array([sample.label for sample in samples["dev"]])
    assert auc(np.array(found["depth"]["dev"]), labels) > 0.99
    assert auc(np.array(found["rgb"]["dev"]), labels) == pytest.approx(0.5)
    assert len(found["depth"]["test"]) == len(samples["test"])


def settings(**balance: Any) -> dict[str, Any]:
    alone = {name: f"{name}_only" for name in MODALITIES}
    methods = {f"{name}_only": {"entry": "vit_cdc_adapter", "only": [name]} for name in MODALITIES}
    return {
        "data": {"captures": ["x.csv"]}, "methods": {**methods, "sum": {"entry": "mmdg", "objective": "ssp"}},
        "parts": [{"title": "Control", "methods": ["sum", *methods], "protocols": ["half1_half2"], "seeds": [0, 1]}],
        "balance": {"sensor": "depth", "joint": "sum", "alone": alone, **balance},
    }  # fmt: skip


def cell(method: str, protocol: str, seed: int) -> dict[str, Any]:
    """Color's probe is perfect alone and worthless in the joint training; depth sees prints, not masks."""
    rng = np.random.default_rng([seed, len(method)])
    label = [1, 0] * 40
    species = ["bona_fide" if y else ("print_flat", "mask_rigid")[i // 2 % 2] for i, y in enumerate(label)]
    rows = {"label": label, "species": species, "domain": ["s1"] * 40 + ["s2"] * 40}

    def scores(strength: float) -> list[float]:
        return [float(strength * y + rng.normal(0, 0.1)) for y in label]

    strong = {"rgb": 5.0 if method == "rgb_only" else 0.0, "depth": 5.0, "infrared": 5.0}
    sees = [float((s == "print_flat") * -3 + rng.normal(0, 0.5)) for s in species]
    own = {name: sees if method == "depth_only" else scores(1.0) for name in ("dev", "test")}
    held = {"epoch": 1, **own}
    only = MODALITIES if method == "sum" else (method.partition("_")[0],)
    return {
        "rows": {"dev": rows, "test": rows}, "scores": {"last_epoch": held},
        "probes": {name: {"dev": scores(strong[name]), "test": scores(strong[name])} for name in only},
        "log": [{"base_ratio/rgb": 0.5, "faint_base/rgb": 0.25}],
    }  # fmt: skip


def tables(**balance: Any) -> BalanceTables:
    plan = plan_of(settings(**balance))
    assert plan.balance is not None
    return BalanceTables(plan, plan.parts[0], cell, plan.balance, simulated=True)


def test_the_control_is_valid_where_another_sensor_is_held_back() -> None:
    made = tables()
    assert set(made.gaps) == {"rgb", "infrared"}
    assert made.gaps["rgb"].value == pytest.approx(0.5, abs=0.1)
    assert made.gaps["infrared"].value == pytest.approx(0.0, abs=0.01)
    assert made.valid
    assert "VALID" in made.sentences()[0]
    assert "NOT VALID" not in made.sentences()[0]
    assert "NOT VALID" in tables(margin=0.9).sentences()[0]
    plain = json.loads(json.dumps(made.plain()))
    assert plain["valid"] is True
    assert plain["gaps"]["rgb"]["sites"] == 2


def test_blind_attacks_are_those_that_the_dominant_sensor_does_not_tell() -> None:
    assert tables().blind == ("mask_rigid",)
    assert tables(cue=0.9).blind == ("mask_rigid", "print_flat")
    assert tables(blind=0.1).blind == ()
    methods = next(table for table in tables().all() if table.title == "Control: methods")
    assert "attacks that depth cannot see" in methods.columns[2]
    assert "Cannot be seen: mask_rigid" in methods.note
    ratios = next(table for table in tables().all() if table.title == "Control: bases of ReGrad")
    assert ratios.rows[0][1] == "0.5"


def test_only_the_released_rule_depends_on_a_factor_of_the_losses() -> None:
    found = changes((1e-2, 1e2, 1e4))
    assert all(value < 1e-6 for kind in ("relative", "missing") for value in found[kind].values())
    assert found["released"]["10000"] > 0.01


@pytest.mark.parametrize(
    ("balance", "message"),
    [
        ({"joint": "all"}, "balance.joint"),
        ({"alone": {"rgb": "rgb_only", "depth": "depth_only"}}, "no method of infrared alone"),
        ({"alone": {"rgb": "sum", "depth": "depth_only", "infrared": "infrared_only"}}, "sum is not trained on rgb"),
    ],
)
def test_what_is_asked_must_be_there(balance: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        plan_of(settings(**balance))
    with pytest.raises(SettingError, match="no cue in them"):
        plan_of({**settings(cue=0.5), "activations": "float16"})


def test_the_shipped_plan_runs_at_toy_size(tmp_path: Path) -> None:
    plan: dict[str, Any] = yaml.safe_load((FOLDER / "regrad_control.yaml").read_text(encoding="utf-8"))
    assert plan_of(read_plan("regrad_control").settings).balance is not None
    plan["data"] = {"captures": [str(write_domains(tmp_path / "data", subjects=2))]}
    plan["defaults"]["model"] = {"size": 32, "trunk": "vit_tiny_patch16_224:fresh", "depth": 1, "tiling": "batch"}
    plan["defaults"]["training"] |= {"epochs": 1, "batch": 8, "every": 1}
    plan["seeds"] = [0]
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan), encoding="utf-8")
    found = bench(str(tmp_path / "plan.yaml"), out=tmp_path / "out")
    assert [failure.message for failure in found.failed] == []
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    balance = summary["data"]["balance"]["Positive control"]
    assert set(balance["gaps"]) == {"rgb", "infrared"}
    assert balance["blind"] == ["print_flat"]
    titles = {table["title"] for table in summary["tables"]}
    assert {"Positive control: is the control valid", "Positive control: methods",
            "Positive control: bases of ReGrad"} <= titles  # fmt: skip
