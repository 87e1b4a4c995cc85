"""`facewarden attack`: options, readings, heads, wrong units and missing sensors, and matrices of transfer."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from facewarden.cli import main
from facewarden.cli.parts.parse import gathered
from facewarden.core.artifact import save_artifact
from facewarden.core.errors import BadInputError
from facewarden.data.loading import iter_batches
from facewarden.data.manifest import Manifest
from facewarden.data.sample import Sample
from facewarden.data.table import read_table
from facewarden.evaluation.transfer_matrix import Transferred
from facewarden.pad.multitask import Multitask
from facewarden.pad.parts.local_service import serve_brightness
from facewarden.verbs.attack import Attacked, attack
from facewarden.verbs.sfa import sfa


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Captures whose attacks are darker, and a detector that looks at brightness."""
    folder = tmp_path_factory.mktemp("attack")
    rng = np.random.default_rng(0)
    rows = []
    for split in ("train", "dev", "test"):
        for i in range(8):
            label = i % 2
            frame = rng.integers(0, 60, (40, 40, 3)) + 110 + 30 * label
            cv2.imwrite(str(folder / f"{split}{i}.png"), frame.astype(np.uint8))
            rows.append(
                Sample(
                    key=f"{split}{i}", split=split, label=label, species="bona_fide" if label else "print_flat",  # type: ignore[arg-type]
                    subject=f"{split} {i // 2}", domain="alder", rgb=f"{split}{i}.png", box=(4.0, 4.0, 36.0, 36.0),
                    simulated=True,
                )
            )  # fmt: skip
    Manifest(tuple(rows), root=folder, name="tiny").write(folder / "captures.csv")
    detector = bright(folder)
    save_artifact(folder / "tiny", detector.network.state_dict(), card=detector.card, recipe={"entry": "multitask"})
    (folder / "service.json").write_text(json.dumps({"url": serve_brightness(), "retries": 0}), encoding="utf-8")
    return folder


def bright(folder: Path) -> Multitask:
    """Random weights, turned so that bright is bona fide."""
    detector = Multitask.untrained({"size": 32}, seed=0).eval()
    manifest = Manifest.read(folder / "captures.csv")
    (batch,) = iter_batches(manifest.where(split="dev"), 8, root=manifest.root, modalities=("rgb",))
    with torch.no_grad():
        score = detector(batch).score
        assert batch.label is not None
        if float(score[batch.label == 1].mean()) < float(score[batch.label == 0].mean()):
            for name, value in detector.network.named_parameters():
                if "live" in name:
                    value.neg_()
    return detector


def run(here: Path, **options: Any) -> Attacked | Transferred:
    settings = {"detector": str(here / "tiny"), "samples": 4, "set": ("steps=2",), **options}
    return attack(here / "captures.csv", **settings)


def test_options_reach_the_method(here: Path) -> None:
    for steps in (1, 3):
        found = run(here, set=(f"steps={steps}", "random_start=no"))
        assert isinstance(found, Attacked)
        assert found.gradient_calls == steps
        assert found.simulated


def test_heads_generators_and_averages_are_options_of_any_gradient_attack(here: Path) -> None:
    made = sfa(here / "captures.csv", detector=str(here / "tiny"), out=here / "sfa", epochs=1, samples=4)
    assert len(made.log) == 1
    with pytest.raises(BadInputError, match="holds a run already"):
        sfa(here / "captures.csv", detector=str(here / "tiny"), out=here / "sfa", epochs=1, samples=4)
    resumed = sfa(
        here / "captures.csv", detector=str(here / "tiny"), out=here / "sfa", epochs=1, samples=4, resume=True
    )
    assert resumed.log == made.log
    found = run(here, head="spoof_type", sfa=here / "sfa", average=2, method="mi_fgsm", out=here / "rows.csv")
    assert isinstance(found, Attacked)
    assert found.gradient_calls == 4
    assert set(read_table(here / "rows.csv")) == {"key", "label", "species", "subject", "success"}
    assert isinstance(run(here, head="spoof_type", towards="live"), Attacked)
    through = run(here, through="bilateral,total_variation" if _flows("total_variation") else "gaussian_blur")
    assert isinstance(through, Attacked)
    assert through.gradient_calls in (2, 4)


def test_generators_of_another_detector_are_said_and_a_folder_without_them_names_the_verb(here: Path) -> None:
    sfa(here / "captures.csv", detector=str(here / "tiny"), out=here / "own_sfa", epochs=1, samples=4)
    assert run(here, sfa=here / "own_sfa").warnings == ()
    assert run(here, sfa=here / "own_sfa", detector=bright(here)).warnings == ()  # nobody can tell
    other = bright(here)
    card = replace(other.card, name="other")
    save_artifact(here / "other", other.network.state_dict(), card=card, recipe={"entry": "multitask"})
    told = f"the generators of {here / 'own_sfa'} were trained against another detector than other"
    assert run(here, sfa=here / "own_sfa", detector=str(here / "other")).warnings == (told,)
    (here / "empty").mkdir()
    with pytest.raises(BadInputError, match="no card") as refused:
        run(here, sfa=here / "empty")
    assert "facewarden sfa CAPTURES" in str(refused.value.hint)


def test_what_sfa_cannot_learn_from_is_refused_before_its_folder_is_made(here: Path) -> None:
    whole = Manifest.read(here / "captures.csv")
    cases: list[tuple[str, Manifest, dict[str, Any]]] = [
        ("no gradient of color", whole, {"detector": f"http_detector:{here / 'service.json'}"}),
        ("no head 'smile'", whole, {"heads": ("smile",)}),
        ("no train rows", whole.where(split=("dev", "test")), {}),
        ("no dev rows", whole.where(split="train"), {"patience": 1}),
        ("bona fide and attack", replace(whole, rows=tuple(one for one in whole if one.label)), {}),
    ]
    for message, manifest, options in cases:
        manifest.write(here / "some.csv")
        with pytest.raises(BadInputError, match=message):
            sfa(here / "some.csv", **{"detector": str(here / "tiny"), "out": here / "refused", **options})
        assert not (here / "refused" / "run").exists()


def _flows(name: str) -> bool:
    from facewarden.core.registry import load

    return bool(load("purifiers", name)().differentiable and load("purifiers", "bilateral")().differentiable)


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ({"head": "smile"}, "no head 'smile'", "live, attributes"),
        ({"modalities": ("depth",)}, "does not read depth", "--modalities rgb"),
        ({"eps": 8 / 255}, "pixel units", "--eps 8"),
        ({"eps": 0.0}, "changes nothing", "--eps 8"),
        ({"eps": "8/255"}, "8/255 of the pixel range", "--eps 8"),
        ({"eps": "eight"}, "'eight' is no number", "--eps 8"),
        ({"eps": "8/0"}, "'8/0' is no number", "--eps 8"),
        ({"eps": 300.0}, "300 gray levels", "between 0 and 255"),
        ({"norm": "l2", "eps": 0.0}, "changes nothing", "--norm l2"),
        ({"norm": "l2"}, "needs a budget of its own", "--eps 2.0"),
        ({"offset": "first"}, "--offset", "--sfa DIR"),
        ({"route": "contrast"}, "--route", "--sfa DIR"),
        ({"head": "spoof_type", "towards": "pone"}, "no class 'pone'", "phone"),
        ({"towards": "live"}, "names no class", "spoof_type"),
        ({"set": ("steps=0",)}, "steps is 0; allowed: a whole number from 1", "steps: a whole number"),
        ({"set": ("stepz=2",)}, "did you mean 'steps'", "known: "),
        (
            {"method": "square", "set": ("queries=0",)},
            "queries is 0; allowed: a whole number from 1",
            "queries: a whole number",
        ),
        ({"method": "square", "set": ("queries=2",), "average": 2}, "reads no gradients", "gradient attack"),
        ({"average": 0}, "0 points", "points=4"),
        ({"through": "jpeg"}, "no gradient flows", "list purifiers"),
        ({"sfa": Path("nowhere")}, "nowhere", "facewarden train"),
        ({"victims": "a,b"}, "needs --surrogates", "--surrogates A B"),
        ({"surrogates": ("a", "", "b")}, "--surrogates a  b", "different names"),
        ({"surrogates": "a", "pictures": Path("x")}, "no pictures", "--detector"),
        ({"samples": 0}, "0 samples", "--samples"),
    ],
)
def test_what_cannot_be_meant_is_refused(here: Path, options: dict[str, Any], message: str, hint: str) -> None:
    with pytest.raises(BadInputError) as raised:
        run(here, **options)
    assert message in raised.value.message
    assert hint in raised.value.hint


def test_a_model_without_gradients_names_the_attacks_by_score(here: Path) -> None:
    service = f"http_detector:{here / 'service.json'}"
    with pytest.raises(BadInputError) as raised:
        run(here, detector=service)
    assert "square" in raised.value.hint
    found = run(here, detector=service, method="square", set=("queries=3",))
    assert isinstance(found, Attacked)
    assert found.gradient_calls == 0


@pytest.mark.parametrize("matrix", [False, True])
def test_a_victim_that_does_not_read_the_attacked_sensor_is_refused(here: Path, matrix: bool) -> None:
    settings = json.loads((here / "service.json").read_text(encoding="utf-8"))
    (here / "depth.json").write_text(json.dumps({**settings, "modalities": ["depth"]}), encoding="utf-8")
    tiny, blind = str(here / "tiny"), f"http_detector:{here / 'depth.json'}"
    options = {"surrogates": tiny, "victims": f"{tiny},{blind}"} if matrix else {"surrogate": tiny, "detector": blind}
    with pytest.raises(BadInputError, match=r"depth\.json does not read rgb: an attack there changes nothing"):
        run(here, **options)


def test_samples_without_the_truth_of_the_head_are_counted_aloud(here: Path) -> None:
    # nobody has told the attributes of the bona fide presentations
    one = run(here, head="attributes")
    matrix = run(here, head="attributes", surrogates=str(here / "tiny"))
    assert isinstance(one, Attacked)
    assert "bona_fide_as_attack" not in one.rates
    for found in (one, matrix):
        (words,) = found.skipped
        assert words.startswith("the truth of head 'attributes' is unknown: not attacked, in no rate")
        assert found.skipped[words] >= 1


@pytest.mark.parametrize(("wrong", "direction"), [(0, "attack_as_bona_fide"), (1, "bona_fide_as_attack")])
def test_a_direction_without_a_correct_sample_is_said_and_nothing_is_pooled(
    here: Path, wrong: int, direction: str
) -> None:
    whole = Manifest.read(here / "captures.csv")
    rows = list(whole)
    for place, one in enumerate(rows):  # test captures of one class show what the other class looks like
        if one.split == "test" and one.label == wrong:
            shutil.copy(here / f"test{place % 8 ^ 1}.png", here / f"wrong{place}.png")
            rows[place] = replace(one, rgb=f"wrong{place}.png")
    replace(whole, rows=tuple(rows)).write(here / "one_side.csv")
    options: dict[str, Any] = {"samples": 4, "set": ("steps=1",)}
    one = attack(here / "one_side.csv", detector=str(here / "tiny"), **options)
    word = "attack" if wrong == 0 else "bona fide"
    told = f"none of 4 {word} captures is decided correctly when clean: {direction} is not measured"
    assert isinstance(one, Attacked)
    assert (len(one.rates), direction in one.rates, one.warnings) == (1, False, (told,))
    matrix = attack(here / "one_side.csv", surrogates=str(here / "tiny"), **options)
    assert matrix.warnings == (f"{here / 'tiny'} on {here / 'tiny'}: {told}",)
    assert run(here).warnings == ()
    assert main(["attack", str(here / "one_side.csv"), "--detector", str(here / "tiny"), "--set", "steps=1"]) == 0


def test_a_matrix_holds_white_box_and_black_box_victims(here: Path) -> None:
    tiny, service = str(here / "tiny"), f"http_detector:{here / 'service.json'}"
    found = run(here, surrogates=tiny, victims=f"{tiny},{service}", eps=32.0, out=here / "matrix.csv")
    assert isinstance(found, Transferred)
    assert list(found.rates) == [(tiny, tiny), (tiny, service)]
    white = found.rates[tiny, tiny]
    alone = run(here, eps=32.0)
    assert white is not None
    assert isinstance(alone, Attacked)
    rows = read_table(here / "matrix.csv")
    hits = [int(s) for v, s in zip(rows["victim"], rows["success"], strict=True) if v == tiny]
    assert white.value == pytest.approx(np.mean(hits))
    assert white.n == len(hits)
    with pytest.raises(BadInputError, match="needs gradients"):
        run(here, surrogates=service)


def test_pictures_come_on_request_only_and_name_nobody(here: Path) -> None:
    run(here, pictures=here / "pictures", eps=8.0)
    files = sorted((here / "pictures").glob("*.png"))
    assert files
    assert not any("test" in file.name for file in files)
    image = cv2.imread(str(files[0])).astype(int)
    assert image.shape == (40, 120, 3)
    clean, attacked, shown = image[:, :40], image[:, 40:80], image[:, 80:]
    assert np.abs(attacked - clean).max() <= 8
    assert np.abs(shown - (127.5 + 127.5 * (attacked - clean) / 8)).max() <= 17


def test_the_flag_may_be_given_again_and_again() -> None:
    given = ["x.csv", "--set", "steps=2", "--eps", "4", "--set", "restarts=2", "--set=decay=1"]
    assert gathered(given, "--set") == ["x.csv", "--eps", "4", "--set", "steps=2", "restarts=2", "decay=1"]
    assert gathered(["x.csv"], "--set") == ["x.csv"]


def test_the_command_line_prints_rates_and_a_matrix(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    captures, tiny = str(here / "captures.csv"), str(here / "tiny")
    assert main(["attack", captures, "--detector", tiny, "--set", "steps=1", "--set", "random_start=no"]) == 0
    assert "gradients per sample: 1" in capsys.readouterr().out
    assert main(["attack", captures, "--surrogates", tiny, "--set", "steps=1"]) == 0
    assert "->" in capsys.readouterr().out
    assert main(["attack", captures, "--detector", tiny, "--eps", "0.03"]) == 2
    assert "--eps 7.65" in capsys.readouterr().err
    assert main(["attack", captures, "--detector", tiny, "--eps", "8/255"]) == 2
    assert "--eps 8" in capsys.readouterr().err
    torch.set_num_threads(1)
