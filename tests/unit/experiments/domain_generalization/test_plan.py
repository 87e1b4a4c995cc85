"""The kind `presentation`: settings that name their line, cells that train, rules that select, checks that can fail."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facewarden.core.errors import BadInputError
from facewarden.core.labels import MODALITIES
from facewarden.core.settings import SettingError
from facewarden.data.manifest import Manifest
from facewarden.data.transfer import audit_splits, transfer_protocol
from facewarden.experiments.domain_generalization import descriptions as kept
from facewarden.experiments.domain_generalization.cell import score, select, shuffled
from facewarden.experiments.domain_generalization.crop_store import make_store, view_of
from facewarden.experiments.domain_generalization.degraded_sensors import DEGRADED
from facewarden.experiments.domain_generalization.descriptions import descriptions
from facewarden.experiments.domain_generalization.figures_over_seeds import ScoreSelection, ScoresOverSeeds
from facewarden.experiments.engine.plan_file import read_plan
from facewarden.experiments.plans.presentation import PresentationKind
from facewarden.nn.closed_form import ClosedForm
from facewarden.training.closed_form import fit_rows
from facewarden.training.detector import trainable_class
from facewarden.verbs.bench import BenchResult, bench
from four_domains import write_domains
from twins import copied, twin

HEAD = """
    kind: presentation
    data: {{captures: [{captures}]}}
    seeds: [0]
    defaults:
      model: {{size: 16, trunk: "vit_tiny_patch16_224:fresh", depth: 1, tiling: batch}}
      training: {{epochs: 2, batch: 8, rate: 0.01, margin: 1.5, augmentation: {{drop: 0}}}}
"""


def write(folder: Path, rest: str, *, captures: str | None = None) -> Path:
    found = captures or str(write_domains(folder / "data"))
    path = folder / "plan.yaml"
    path.write_text(textwrap.dedent(HEAD).lstrip().format(captures=found) + textwrap.dedent(rest))
    return path


GRID = """
    methods:
      vit: {entry: vit_concat, label: ViT}
      mmdg: {entry: mmdg, objective: regrad}
    parts:
      - {title: Out, methods: [vit, mmdg], protocols: [bcd_a], baseline: vit}
      - {title: Limited, methods: [vit], protocols: [ab_cd]}
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, BenchResult]:
    folder = tmp_path_factory.mktemp("plan")
    path = write(folder, GRID)
    return folder, bench(str(path), out=folder / "out")


def results(out: Path) -> dict[str, dict[str, Any]]:
    found = [json.loads(path.read_text()) for path in out.glob("cells/*/done.json")]
    return {one["name"]: one["result"] for one in found}


def test_a_plan_trains_scores_and_summarizes(ran: tuple[Path, BenchResult]) -> None:
    folder, found = ran
    assert not found.failed
    assert found.cells == 3
    one = results(folder / "out")["mmdg / bcd_a / seed 0"]
    assert set(one["rows"]["test"]["domain"]) == {"alder"}
    assert set(one["rows"]["dev"]["domain"]) == {"birch", "cedar", "dogwood"}
    assert one["trained"] == 12
    assert set(one["scores"]) == {"last_epoch", "source_dev_epoch", "oracle_target_epoch"}
    assert {len(held["test"]) for held in one["scores"].values()} == {4}
    assert set(one["missing"]) == {"depth", "infrared", "depth+infrared"}
    assert one["missing"]["depth"] != one["missing"]["infrared"] != one["scores"]["last_epoch"]["test"]
    assert {name: len(held) for name, held in one["missing_dev"].items()} == dict.fromkeys(
        one["missing"], len(one["rows"]["dev"]["label"])
    )
    assert one["degraded"] == {}
    assert [line["epoch"] for line in one["log"]] == [1, 2]
    assert one["simulated"] is True
    assert 0 < one["trainable"] < one["parameters"]
    page = (folder / "out" / "summary.md").read_text()
    assert "AB→CD, pooled" in page
    assert "AB→CD, averaged" in page
    assert "D&amp;I missing" in page or "D&I missing" in page
    for line in page.splitlines():
        if "target EER" in line or "target's EER" in line or "oracle_target_epoch" in line:
            assert "†" in line
    assert not list((folder / "out").glob("cells/*/checkpoints"))


def test_crops_are_cut_once_and_a_resumed_plan_gives_the_same_bytes(ran: tuple[Path, BenchResult]) -> None:
    folder, _ = ran
    out = folder / "out"
    (store,) = out.glob("shared/data-*/crops-*/rgb.u8")  # both methods share one view
    stamp, whole = store.stat().st_mtime_ns, (out / "summary.json").read_bytes()
    lost = next(path for path in out.glob("cells/*/done.json") if "mmdg" in path.read_text())
    before = json.loads(lost.read_text())["result"]
    lost.unlink()
    bench(str(folder / "plan.yaml"), out=out, resume=True)
    assert json.loads(lost.read_text())["result"] == before
    assert (out / "summary.json").read_bytes() == whole
    assert store.stat().st_mtime_ns == stamp


def test_a_cell_killed_in_training_goes_on_to_the_same_numbers(ran: tuple[Path, BenchResult], tmp_path: Path) -> None:
    from facewarden.training import detector

    folder, _ = ran
    path, out = folder / "plan.yaml", tmp_path / "out"
    plan = read_plan(str(path))
    kind = PresentationKind()
    kind.prepare(plan.settings, root=out)
    cell = next(one for one in kind.cells(plan.settings, root=out) if one.name.startswith("mmdg"))
    own = out / "cells" / "x"
    own.mkdir(parents=True)
    killed = detector.fit

    def fit_once(*arguments: Any, **options: Any) -> Any:
        killed(*arguments, **options, stop_after=1)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(detector, "fit", fit_once)
        with pytest.raises(KeyboardInterrupt):
            kind.run(cell, folder=own)
    assert [p.name for p in own.glob("epoch-*.json")] == ["epoch-1.json"]
    assert kind.run(cell, folder=own) == results(folder / "out")[cell.name]


def test_a_floor_stands_in_a_table_like_a_method(tmp_path: Path) -> None:
    rest = """
        methods:
          floor: {entry: thumbnail_ridge, label: a floor, model: {pixels: 4}}
          shuffled: {like: floor, label: "a floor, shuffled", shuffle: true}
        parts: [{title: Out, methods: [floor, shuffled], protocols: [bcd_a], baseline: floor}]
    """
    captures = str(write_domains(tmp_path / "data", subjects=3))
    head = (
        HEAD.replace(', trunk: "vit_tiny_patch16_224:fresh", depth: 1', "")
        .replace("epochs: 2", "epochs: 1")
        .replace("margin: 1.5", "margin: 1.0")
    )
    path = tmp_path / "plan.yaml"
    path.write_text(textwrap.dedent(head).lstrip().format(captures=captures) + textwrap.dedent(rest))
    found = bench(str(path), out=tmp_path / "out")
    assert not found.failed
    one, other = (results(tmp_path / "out")[f"{name} / bcd_a / seed 0"] for name in ("floor", "shuffled"))
    assert one["trained"] == other["trained"] == 36
    assert one["log"][0]["dev_auc"] > 0.9
    assert one["scores"] != other["scores"]
    assert one["trainable"] == 3 * 16 + 1
    assert set(one["missing"]) == {"depth", "infrared", "depth+infrared"}
    (file,) = (tmp_path / "out" / "shared").glob("data-*/described-*.npy")
    assert np.load(file).shape == (4 * 36, 3 * 16)


@pytest.mark.parametrize("entry", ["thumbnail_ridge", "plane_ridge"])
def test_kept_descriptions_give_the_scores_of_the_detector_itself(entry: str, tmp_path: Path) -> None:
    manifest = Manifest.read(write_domains(tmp_path / "data", subjects=2).parent)
    model = trainable_class(entry).untrained({"size": 16}, seed=0)
    assert isinstance(model, ClosedForm)
    view = view_of(model, margin=1.0)
    store = make_store(manifest, model, view=view, folder=tmp_path / "crops")
    samples = list(manifest)
    found = descriptions(model, store, samples, folder=tmp_path, start=None)
    assert found is not None
    train, dev = (list(manifest.where(split=split)) for split in ("train", "dev"))  # type: ignore[arg-type]
    fit_rows(model, found.rows(train, only=MODALITIES), dev=found.rows(dev, only=MODALITIES))
    for only in (MODALITIES, ("rgb",), ("rgb", "infrared")):
        expected = score(model, store, dev[::-1], only=only)
        np.testing.assert_allclose(found.scores(dev[::-1], only=only), expected, atol=1e-5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept, "LARGEST", 10)
        assert descriptions(model, store, samples, folder=tmp_path / "other", start=None) is None


def test_only_the_last_epoch_is_scored_on_request_and_sensors_are_degraded_on_request(tmp_path: Path) -> None:
    rest = "scored_epochs: last\nmissing: false\ndegraded: true\n" + textwrap.dedent(GRID)
    path = write(tmp_path, rest.replace("[vit, mmdg]", "[vit]").replace(", protocols: [ab_cd]", ", protocols: [bcd_a]"))
    found = bench(str(path), out=tmp_path / "out")
    one = results(tmp_path / "out")["vit / bcd_a / seed 0"]
    assert set(one["scores"]) == {"last_epoch"}
    assert one["missing"] == {}
    good = one["scores"]["last_epoch"]["test"]
    assert set(one["degraded"]) == set(one["degraded_dev"]) == set(DEGRADED)
    assert all(len(held) == len(good) and held != good for held in one["degraded"].values())
    assert "Degraded sensors" in (tmp_path / "out" / "summary.md").read_text()
    assert not found.failed
    assert "oracle_target_epoch" not in (tmp_path / "out" / "summary.md").read_text().split("†")[0]


def test_epochs_are_chosen_by_the_rule_that_each_name_says() -> None:
    dev, test = [1, 1, 0, 0], [1, 0, 1, 0]
    right, wrong, half = [3.0, 2.0, 1.0, 0.0], [0.0, 1.0, 2.0, 3.0], [3.0, 0.0, 1.0, 2.0]
    target_right = [3.0, 0.0, 2.0, 1.0]
    by_epoch = {
        1: {"dev": wrong, "test": target_right},
        2: {"dev": right, "test": wrong},
        3: {"dev": half, "test": wrong},
        4: {"dev": right, "test": target_right},
    }
    curve, chosen = select(by_epoch, dev=dev, test=test)
    assert chosen == {"last_epoch": 4, "source_dev_epoch": 2, "oracle_target_epoch": 1}
    assert [row["dev_eer"] for row in curve] == [1.0, 0.0, 0.5, 0.0]
    assert curve[0]["target_hter"] == 0.0
    assert select({3: by_epoch[3]}, dev=dev, test=test)[1] == {"last_epoch": 3}


PARTS = "\nparts: [{title: x, methods: [a], protocols: [bcd_a]}]"
ONE = "methods: {a: {entry: mmdg}}\nparts:\n  - "


@pytest.mark.parametrize(
    ("rest", "line", "message"),
    [
        ("methods: {a: {recipe: mmgd}}" + PARTS, 7, "no training recipe 'mmgd'"),
        ("methods: {a: {entry: mmgd}}" + PARTS, 7, "no detector 'mmgd'"),
        ("methods: {a: {entry: mmdg, objective: regard}}" + PARTS, 7, "regard"),
        ("methods:\n  a:\n    entry: mmdg\n    objective_settings: {rul: off}" + PARTS, 10, "rul"),
        ("methods:\n  a:\n    entry: mmdg\n    model:\n      depht: 3" + PARTS, 11, "did you mean 'depth'"),
        (
            "methods:\n  a: {entry: mmdg}\n  b:\n    like: a\n    training:\n      epoch: 3" + PARTS,
            12,
            "methods.b.training.epoch'; did you mean 'epochs'",
        ),
        (
            "methods: {a: {entry: mmdg, training: {augmentation: {drop: [1]}}}}" + PARTS,
            7,
            "methods.a.training.augmentation.drop is [1]; allowed: a number from 0 to 1",
        ),
        ("methods: {a: {entry: minifasnet}}" + PARTS, 7, "cannot be trained"),
        ("methods: {a: {model: {size: 8}}}" + PARTS, 7, "no recipe and no entry"),
        ("methods: {a: {like: b}}" + PARTS, 7, 'methods.a.like is "b"'),
        ("methods: {a: {like: c}, c: {like: a}}" + PARTS, 7, 'is "a"; allowed: nothing'),
        ("methods: {a: {entry: mmdg, only: [thermal]}}" + PARTS, 7, 'only[0] is "thermal"; allowed: rgb, depth'),
        ("methods: {a: {entry: mmdg, shuffle: yes}}" + PARTS, 7, 'shuffle is "yes"; allowed: true or false'),
        ("methods: {a: {entry: mmdg, lable: A}}" + PARTS, 7, "did you mean 'label'"),
        (ONE + "{title: x, methods: [b], protocols: [bcd_a]}", 9, 'parts[0].methods[0] is "b"; allowed: a'),
        (ONE + "{title: x, methods: [a], protocols: [bcda]}", 9, "did you mean bcd_a"),
        (ONE + "{title: x, methods: [a], protocols: [bcd_a], baseline: b}", 9, "baseline"),
        (ONE + "{title: x, methods: [a], protocols: [bcd_a], seeds: [-1]}", 9, "parts[0].seeds[0] is -1"),
        (ONE + "{title: x, methods: [a], protocols: [bcd_a], check: luck}", 9, 'check is "luck"; allowed: chance'),
        (ONE + "{title: x, methods: [a], protocls: [bcd_a]}", 9, "did you mean 'protocols'"),
        ("methods: {a: {entry: mmdg}}\nparts: []", 8, "parts is []; allowed: a list of at least 1"),
        ("scored_epochs: all\nmethods: {a: {entry: mmdg}}" + PARTS, 7, 'scored_epochs is "all"; allowed: every or'),
        ("missing: 1\nmethods: {a: {entry: mmdg}}" + PARTS, 7, "missing is 1; allowed: true or false"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, rest: str, line: int, message: str) -> None:
    path = write(tmp_path, rest, captures="absent.csv")
    with pytest.raises(BadInputError) as caught:
        bench(str(path), out=tmp_path / "out")
    assert f"plan.yaml:{line}: " in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("{simulate: {subject: 3}}", "data.simulate.subject'; did you mean 'subjects'"),
        ("{simulate: {framing: wide}}", 'data.simulate.framing is "wide"; allowed: a number from 0.15 to 0.75'),
        (
            "{simulate: {species: [print_flat, printed]}}",
            'data.simulate.species[1] is "printed"; allowed: bona_fide, print_flat',
        ),
        ("{}", "one of simulate and captures"),
        ("{simulate: {}, captures: [a.csv]}", "one of simulate and captures"),
        ("{captures: a.csv}", 'data.captures is "a.csv"; allowed: a list of at least 1'),
    ],
)
def test_what_is_wrong_with_the_data_is_named(tmp_path: Path, data: str, message: str) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(f"kind: presentation\ndata: {data}\nmethods: {{a: {{entry: mmdg}}}}{PARTS}\n", encoding="utf-8")
    with pytest.raises(SettingError) as caught:
        bench(str(path), out=tmp_path / "out")
    assert "plan.yaml:2: " in caught.value.message
    assert message in caught.value.message


def test_a_source_of_one_class_ends_the_plan_before_any_training(tmp_path: Path) -> None:
    manifest = Manifest.read(write_domains(tmp_path / "data"))
    kept = [row for row in manifest if not (row.domain == "birch" and row.split == "train" and row.label == 1)]
    Manifest(tuple(kept), root=manifest.root, name="x").write(tmp_path / "data" / "spoof_only.csv")
    path = write(tmp_path, GRID, captures=str(tmp_path / "data" / "spoof_only.csv"))
    with pytest.raises(BadInputError, match="protocol ab_cd: a source must train with both classes: birch has 0 bona"):
        bench(str(path), out=tmp_path / "out")
    assert not list((tmp_path / "out").glob("cells/*"))


def test_a_target_of_one_class_among_several_ends_the_plan_before_any_training(tmp_path: Path) -> None:
    manifest = Manifest.read(write_domains(tmp_path / "data"))
    kept = [row for row in manifest if not (row.domain == "cedar" and row.split == "test" and row.label == 1)]
    Manifest(tuple(kept), root=manifest.root, name="x").write(tmp_path / "data" / "one_class.csv")
    path = write(tmp_path, GRID, captures=str(tmp_path / "data" / "one_class.csv"))
    with pytest.raises(BadInputError, match="protocol ab_cd: target cedar has no bona fide presentation"):
        bench(str(path), out=tmp_path / "out")
    assert not list((tmp_path / "out").glob("cells/*"))


def test_a_class_that_cannot_be_read_ends_the_plan_before_any_training(tmp_path: Path) -> None:
    manifest = Manifest.read(write_domains(tmp_path / "data"))
    for row in manifest:
        if row.domain == "alder" and row.split == "test" and row.label == 0:
            (tmp_path / "data" / str(row.depth)).write_bytes(b"no picture")
    path = write(tmp_path, GRID, captures=str(tmp_path / "data" / "manifest.csv"))
    with pytest.raises(BadInputError, match="protocol bcd_a: target alder has no attack presentation that can be read"):
        bench(str(path), out=tmp_path / "out")
    assert not list((tmp_path / "out").glob("cells/*"))


def test_shuffled_labels_are_dealt_out_within_a_domain_and_reach_training_only(tmp_path: Path) -> None:
    samples = list(Manifest.read(write_domains(tmp_path / "data", subjects=5)))
    dealt = shuffled(samples, seed=3, protocol="bcd_a")
    for domain in {sample.domain for sample in samples}:
        rows = [i for i, sample in enumerate(samples) if sample.domain == domain]
        assert sum(dealt[i] for i in rows) == sum(samples[i].label for i in rows)
    changed = sum(new != sample.label for new, sample in zip(dealt, samples, strict=True))
    assert 0.3 < changed / len(samples) < 0.7
    assert dealt == shuffled(samples, seed=3, protocol="bcd_a") != shuffled(samples, seed=4, protocol="bcd_a")
    assert dealt != shuffled(samples, seed=3, protocol="acd_b"), "two protocols share sources, not the deal"


def test_a_trunk_that_was_distilled_anew_is_not_resumed_from_stale_results(tmp_path: Path) -> None:
    from facewarden.core.artifact import save_artifact
    from facewarden.core.card import Card
    from facewarden.nn.trunk import ROLE, TrunkShape, make_trunk, trunk_settings

    shape = TrunkShape(size=16, patch=16, width=8, depth=1, heads=2)

    def distill(seed: int) -> None:
        save_artifact(
            tmp_path / "trunk", make_trunk(shape, seed=seed).state_dict(),
            card=Card("t", "A trunk", ROLE, settings=trunk_settings(shape)), recipe={},
        )  # fmt: skip

    def key(trunk: str) -> str:
        settings = {
            "data": {"captures": ["x.csv"]}, "seeds": [0],
            "methods": {"mmdg": {"entry": "mmdg", "model": {"trunk": trunk}}},
            "parts": [{"title": "Out", "methods": ["mmdg"], "protocols": ["bcd_a"]}],
        }  # fmt: skip
        (cell,) = PresentationKind().cells(settings, root=tmp_path)
        return cell.key("presentation")

    distill(0)
    first = key(str(tmp_path / "trunk"))
    assert key(str(tmp_path / "trunk")) == first
    distill(1)
    assert key(str(tmp_path / "trunk")) != first
    (tmp_path / "trunk" / "weights.safetensors").unlink()
    with pytest.raises(BadInputError, match="without its weights"):
        key(str(tmp_path / "trunk"))


def test_the_audit_of_a_protocol_is_what_prepare_keeps(ran: tuple[Path, BenchResult]) -> None:
    folder, _ = ran
    (path,) = (folder / "out").glob("shared/data-*/audit-bcd_a.json")
    held = json.loads(path.read_text())
    manifest = Manifest.read(folder / "data" / "manifest.csv")
    audit = audit_splits(transfer_protocol("bcd_a").assign(manifest), root=manifest.root)
    assert [tuple(row) for row in held["rows"]] == list(audit.rows())
    assert held["sentences"] == list(audit.sentences())


def test_published_layouts_train_and_test_without_boxes(tmp_path: Path) -> None:
    lacking = copied("padisi", tmp_path)
    next((lacking / "data").glob("ID_a000_t0000x_*.npz")).unlink()
    sets = ", ".join([f"padisi:{lacking}", *(f"{name}:{twin(name)}" for name in ("wmca", "casia_surf", "casia_cefa"))])
    rest = """
        methods: {vit: {entry: vit_concat, training: {epochs: 1, margin: 1.0}}}
        scored_epochs: last
        parts: [{title: Published, methods: [vit], protocols: [CPS→W]}]
    """
    found = bench(str(write(tmp_path, rest, captures=sets)), out=tmp_path / "out")
    assert not found.failed
    (one,) = results(tmp_path / "out").values()
    assert set(one["rows"]["test"]["domain"]) == {"wmca"}
    assert set(one["rows"]["dev"]["domain"]) == {"casia_surf", "casia_cefa", "padisi"}
    frames, videos = len(one["rows"]["test"]["video"]), len(set(one["rows"]["test"]["video"]))
    assert 1 < videos < frames
    scores = ScoresOverSeeds(lambda method, protocol, seed: one)
    by_video = scores.measures("vit", "cps_w", 0, ScoreSelection(video=True))
    assert by_video is not None
    assert by_video["hter"].n == videos
    sentence = "padisi: trials of the partition file that are not there: 1, first t0000x"
    assert f"- Note on the captures: {sentence}." in (tmp_path / "out" / "summary.md").read_text()


def test_cells_that_ran_before_a_training_could_gather_batches_keep_their_ids() -> None:
    method = {"entry": "vit_concat", "model": {"size": 16, "trunk": "vit_tiny_patch16_224:fresh", "depth": 1}}
    training = {"epochs": 2, "batch": 8}

    def key(**changes: int) -> str:
        settings = {
            "data": {"captures": ["x.csv"]}, "seeds": [0],
            "methods": {"vit": {**method, "training": {**training, **changes}}},
            "parts": [{"title": "Out", "methods": ["vit"], "protocols": ["bcd_a"]}],
        }  # fmt: skip
        (cell,) = PresentationKind().cells(settings, root=Path())
        return cell.key("presentation")

    assert key() == key(accumulate=1) == "63e9459541a12d72"
    assert key(accumulate=2) != key()
