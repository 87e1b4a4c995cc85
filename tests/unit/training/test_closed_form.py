"""Detectors that are fitted in closed form: the strength comes from dev, an artifact gives the same scores back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from facewarden.core.errors import BadInputError
from facewarden.data.manifest import Manifest
from facewarden.metrics.pad import auc, eer_threshold
from facewarden.nn.closed_form import ClosedForm
from facewarden.pad.thumbnail_neighbors import ThumbnailNeighbors
from facewarden.pad.thumbnail_ridge import ThumbnailRidge, ThumbnailSettings
from facewarden.training.closed_form import fit_closed_form
from facewarden.training.detector import DetectorTraining
from facewarden.training.detector_inputs import read_views
from facewarden.training.recipe import parse_recipe
from facewarden.verbs.train import train
from four_domains import write_domains


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return Manifest.read(write_domains(tmp_path_factory.mktemp("data"), subjects=3).parent)


def settings(entry: str, **model: object) -> dict[str, object]:
    return {"entry": entry, "summary": "a floor", "model": {"size": 16, **model}, "training": {"margin": 1.5}}


def test_the_strength_and_the_threshold_are_those_of_dev_alone(manifest: Manifest) -> None:
    model = ThumbnailRidge(ThumbnailSettings(size=16, pixels=4))
    views = {split: read_views(manifest.where(split=split), model) for split in ("train", "dev")}  # type: ignore[arg-type]
    (log,) = fit_closed_form(model, views["train"], dev=views["dev"])
    labels = np.concatenate([np.asarray(batch.label) for batch in views["dev"]])
    with torch.no_grad():
        scores = np.concatenate([model(batch).score.numpy() for batch in views["dev"]]).astype(np.float64)
    assert log["dev_auc"] == pytest.approx(auc(scores, labels))
    assert eer_threshold(scores, labels) == pytest.approx(0.0, abs=1e-5)
    assert (log["rows"], log["dev_rows"]) == (48, 48)
    description = np.concatenate([model.describe(batch) for batch in views["dev"]])
    np.testing.assert_allclose(model.decide(description), scores, atol=1e-5)
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_a_margin_around_the_view_is_cut_away(manifest: Manifest) -> None:
    recipe = parse_recipe(settings("thumbnail_ridge", pixels=4), source="test")
    training = DetectorTraining(recipe, seed=0)
    dev = training.dev_views(manifest)
    log = training.fit(training.crops(manifest), run=Path("unused"), dev=dev)
    other = ThumbnailRidge(ThumbnailSettings(size=16, pixels=4))
    again = fit_closed_form(other, read_views(manifest.where(split="train"), other), dev=dev or [])
    assert log[0]["dev_auc"] == pytest.approx(again[0]["dev_auc"], abs=0.02)
    assert log[0]["dev_auc"] > 0.95
    with pytest.raises(BadInputError, match="development split"):
        training.fit(training.crops(manifest), run=Path("unused"))
    with pytest.raises(BadInputError, match="both classes"):
        fit_closed_form(other, [], dev=[])


@pytest.mark.parametrize("entry", ["thumbnail_ridge", "thumbnail_neighbors"])
def test_train_writes_an_artifact_that_scores_the_same(
    entry: str, manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import json

    (tmp_path / "r.json").write_text(json.dumps(settings(entry, pixels=4)))
    fitted: list[ClosedForm] = []
    kept = DetectorTraining.fit

    def fit(self: DetectorTraining, *arguments: object, **options: object) -> object:
        found = kept(self, *arguments, **options)  # type: ignore[arg-type]
        assert isinstance(self.model, ClosedForm)
        fitted.append(self.model)
        return found

    monkeypatch.setattr(DetectorTraining, "fit", fit)
    out = train(tmp_path / "r.json", out=tmp_path / "out", captures=manifest.root / "manifest.csv")
    kind = {"thumbnail_ridge": ThumbnailRidge, "thumbnail_neighbors": ThumbnailNeighbors}[entry]
    again = kind.from_artifact(out)
    (batch,) = read_views(manifest.where(split="test"), again)
    with torch.no_grad():
        scores = again(batch).score
        assert torch.equal(scores, fitted[0](batch).score)
    assert auc(scores.numpy().astype(np.float64), np.asarray(batch.label)) > 0.95
