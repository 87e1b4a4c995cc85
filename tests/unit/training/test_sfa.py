"""Training of the generators: the detector stays, a killed run resumes, the artifact reads back, the targets differ."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch

from facewarden.core.artifact import save_artifact
from facewarden.core.attack import CountedObjective
from facewarden.core.batch import FaceBatch
from facewarden.core.card import Card
from facewarden.core.decision_goal import Evade
from facewarden.core.errors import BadInputError
from facewarden.core.threat import ThreatModel
from facewarden.nn.gradient_sources.covariance_offset import CovarianceOffset
from facewarden.nn.gradient_sources.generator_pair import ROLE, GeneratorPair, offset_sign
from facewarden.nn.gradient_sources.lbp import lbp
from facewarden.training.sfa import SfaSettings, fit_pair, held_out_loss, pair_settings
from many_heads import ManyHeads, toy_faces, trained

SMALL = SfaSettings(cap=8.0, widths=(8, 8), epochs=4, batch=32, rate=0.01)


@cache
def model() -> ManyHeads:
    return trained(25)


def views() -> list[FaceBatch]:
    return [toy_faces(64, seed=3), toy_faces(32, seed=4)]


def test_the_detector_stays_as_it_was_to_the_last_batch_statistic() -> None:
    detector = ManyHeads(1).requires_grad_(True)
    before = {name: value.clone() for name, value in detector.state_dict().items()}
    fit_pair(detector, views(), settings=SfaSettings(widths=(4,), epochs=1), seed=0)
    assert all(torch.equal(value, before[name]) for name, value in detector.state_dict().items())
    assert all(parameter.grad is None for parameter in detector.parameters())
    assert all(parameter.requires_grad for parameter in detector.parameters())


def test_keeping_and_flipping_move_the_trained_image_as_they_say() -> None:
    batch = toy_faces(64, seed=12)
    assert batch.label is not None
    sign = offset_sign(batch.label)
    scores = {}
    for target in ("keep", "flip"):
        settings = SfaSettings(target=target, cap=8.0, widths=(8, 8), epochs=4, batch=32, rate=0.01)  # type: ignore[arg-type]
        pair, log = fit_pair(model(), views(), settings=settings, seed=0)
        assert log[-1]["loss"] < log[0]["loss"]
        moved = (batch.images["rgb"] - sign * pair(batch.images["rgb"])).clamp(0, 1)
        scores[target] = float((model()(batch.with_images({"rgb": moved})).score * sign.flatten()).mean())
    clean = float((model()(batch).score * sign.flatten()).mean())
    assert scores["keep"] > clean > scores["flip"]


def test_a_killed_run_resumes_to_the_same_bits(tmp_path: Path) -> None:
    whole, log = fit_pair(model(), views(), settings=SMALL, seed=2, run=tmp_path / "whole")
    fit_pair(model(), views(), settings=SMALL, seed=2, run=tmp_path / "killed", stop_after=2)
    resumed, again = fit_pair(model(), views(), settings=SMALL, seed=2, run=tmp_path / "killed")
    assert log == again
    assert len(log) == 4
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_the_artifact_reads_back_and_another_model_is_refused(tmp_path: Path) -> None:
    pair, _ = fit_pair(model(), views(), settings=SMALL, seed=2)
    card = Card("sfa", "Generators.", ROLE, settings=pair.settings)
    save_artifact(tmp_path / "pair", pair.state_dict(), card=card, recipe={})
    images = toy_faces(3).images["rgb"]
    assert torch.equal(GeneratorPair.from_artifact(tmp_path / "pair")(images), pair(images))
    save_artifact(tmp_path / "other", {"a": torch.zeros(1)}, card=Card("x", "A detector.", "pad"), recipe={})
    with pytest.raises(BadInputError, match="not generators"):
        GeneratorPair.from_artifact(tmp_path / "other")


def test_one_generator_alone_leaves_out_the_term_of_spoofs(tmp_path: Path) -> None:
    settings = SfaSettings(cap=8.0, widths=(8, 8), generators=1, epochs=2, batch=32, rate=0.01)
    pair, _ = fit_pair(model(), views(), settings=settings, seed=2)
    images = toy_faces(3).images["rgb"]
    wanted = pair.cap * (torch.tanh(pair.live(images) - images) * lbp(images))
    assert torch.equal(pair(images), wanted)
    assert wanted.abs().max() > 0
    card = Card("sfa", "One.", ROLE, settings=pair.settings)
    save_artifact(tmp_path, pair.state_dict(), card=card, recipe=pair_settings(settings))
    assert torch.equal(GeneratorPair.from_artifact(tmp_path)(images), wanted)
    with pytest.raises(BadInputError, match="3 generators"):
        GeneratorPair(generators=3)


def test_one_class_alone_and_a_model_without_gradients_are_refused() -> None:
    batch = toy_faces(8)
    with pytest.raises(BadInputError, match="bona fide and attack"):
        fit_pair(model(), [batch.select([1, 3])], settings=SMALL, seed=0)
    closed = ManyHeads(2)
    closed.differentiable = False
    with pytest.raises(BadInputError, match="surrogate"):
        fit_pair(closed, [batch], settings=SMALL, seed=0)


def test_draws_of_a_class_have_its_covariance_and_keep_the_cap() -> None:
    batch = toy_faces(64, seed=5)
    assert batch.label is not None
    images = {label: batch.images["rgb"][batch.label == label] for label in (0, 1)}
    reading = CovarianceOffset(images, cap=4 / 255)
    few = toy_faces(6)
    objective = CountedObjective(Evade(model(), few, threshold=0.0), ThreatModel(), 0, reading=reading)
    (look,) = reading.looks(objective.clean, objective=objective, state={})
    change = (look.images["rgb"] - few.images["rgb"]).abs()
    assert float(change.max()) == pytest.approx(4 / 255, abs=1e-6)
    # a weighted sum of centered images has their covariance: by the mean of many draws
    draws = torch.stack([reading._draw(1, torch.Generator().manual_seed(i))[0, 5, 3:5] for i in range(1500)])
    wanted = torch.cov(images[1][:, 0, 5, 3:5].T) * (len(images[1]) - 1)
    torch.testing.assert_close(torch.cov(draws.T), wanted, rtol=0.25, atol=0.02)


def test_the_closed_form_of_the_paper_on_covariance_changes_no_sign_with_two_classes() -> None:
    batch = toy_faces(8)
    assert batch.label is not None
    wanted = {}
    for shift in (0.0, 1.7):  # lambda / 2 (w_1 - w_0) Sigma_y (w_1 - w_0), the same for every sample of a class
        pixels = batch.images["rgb"].clone().requires_grad_(True)
        score = model()(batch.with_images({"rgb": pixels})).score
        signed = score * (1 - 2 * batch.label) + shift
        wanted[shift] = torch.autograd.grad(torch.nn.functional.softplus(signed).sum(), pixels)[0].sign()
    assert torch.equal(wanted[0.0], wanted[1.7])


def test_training_stops_once_the_held_out_loss_is_flat_and_keeps_the_best(tmp_path: Path) -> None:
    settings = replace(SMALL, epochs=30, patience=2, flat=0.2)
    held = [toy_faces(48, seed=9)]
    pair, log = fit_pair(model(), views(), settings=settings, seed=2, held_out=held, run=tmp_path / "whole")
    losses = [line["held_out_loss"] for line in log]
    assert 3 <= len(log) < 30
    assert losses[-3] == min(losses[:-2])  # the two epochs after it fell by less than a fifth
    assert all(later > 0.8 * losses[-3] for later in losses[-2:])
    assert held_out_loss(model(), held, pair, settings=settings) == pytest.approx(min(losses), rel=1e-6)
    fit_pair(model(), views(), settings=settings, seed=2, held_out=held, run=tmp_path / "killed", stop_after=2)
    again, same = fit_pair(model(), views(), settings=settings, seed=2, held_out=held, run=tmp_path / "killed")
    assert same == log
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in pair.state_dict().items())


def test_saturation_counts_the_values_at_the_cap() -> None:
    _, log = fit_pair(model(), views(), settings=replace(SMALL, rate=0.3, epochs=3), seed=2)
    assert log[-1]["saturated"] > 0.5
    assert log[-1]["size"] >= 0.95 * log[-1]["saturated"]


def test_generators_may_learn_from_a_head_too_and_keep_their_radius(tmp_path: Path) -> None:
    settings = replace(SMALL, heads=("type",), radius=2, epochs=2)
    pair, log = fit_pair(model(), views(), settings=settings, seed=2)
    alone, plain = fit_pair(model(), views(), settings=replace(settings, heads=()), seed=2)
    assert log[0]["loss"] > plain[0]["loss"]  # the head's loss is added
    images = toy_faces(3).images["rgb"]
    assert not torch.equal(pair(images), alone(images))
    card = Card("sfa", "Generators.", ROLE, settings=pair.settings)
    save_artifact(tmp_path, pair.state_dict(), card=card, recipe=pair_settings(settings))
    assert torch.equal(GeneratorPair.from_artifact(tmp_path)(images), pair(images))
    pair.radius = 1
    assert not torch.equal(GeneratorPair.from_artifact(tmp_path)(images), pair(images))


def test_a_head_that_is_not_there_and_patience_without_held_out_samples_are_refused() -> None:
    with pytest.raises(BadInputError, match="no head 'smile'"):
        fit_pair(model(), views(), settings=replace(SMALL, heads=("smile",)), seed=0)
    with pytest.raises(BadInputError, match="held-out"):
        fit_pair(model(), views(), settings=replace(SMALL, patience=1), seed=0)
    with pytest.raises(BadInputError, match="a patience of -1"):
        SfaSettings(patience=-1)
