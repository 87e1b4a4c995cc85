"""Ensembles of surrogates: really different networks, weighed terms; and goals seen through a treatment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from facewarden.attacks.pgd import PGD
from facewarden.core import registry
from facewarden.core.embedding_goal import Impersonate, PushAway
from facewarden.core.errors import BadInputError
from facewarden.core.objective import TransformedObjective
from facewarden.core.threat import ThreatModel
from stand_ins import TinyRecognizer, make_faces


def test_a_network_counts_once_in_an_ensemble() -> None:
    model, faces = TinyRecognizer(1), make_faces(1)
    for twins in ([model, model], [TinyRecognizer(1), TinyRecognizer(2), TinyRecognizer(1)]):
        with pytest.raises(BadInputError, match="are the same network"):
            PushAway(twins, faces, keys=("a",))
    PushAway([TinyRecognizer(1), TinyRecognizer(2)], faces, keys=("a",))


def test_weights_share_out_the_loss_and_keep_its_scale() -> None:
    models, faces, other = [TinyRecognizer(1), TinyRecognizer(2)], make_faces(2), make_faces(2, seed=9)
    single = [PushAway([model], faces, keys=("a", "b")).loss({"rgb": other}) for model in models]
    found = PushAway(models, faces, keys=("a", "b"), weights=(3.0, 1.0)).loss({"rgb": other})
    torch.testing.assert_close(found, 0.75 * single[0] + 0.25 * single[1])
    towards = Impersonate(models, faces, targets=other, keys=("a", "b"), weights=(0.0, 5.0))
    torch.testing.assert_close(
        towards.loss({"rgb": faces}),
        Impersonate(models[1:], faces, targets=other, keys=("a", "b")).loss({"rgb": faces}),
    )


@pytest.mark.parametrize("weights", [(1.0,), (1.0, -1.0), (0.0, 0.0), (1.0, float("nan")), (float("inf"), 1.0)])
def test_impossible_weights_are_refused(weights: tuple[float, ...]) -> None:
    with pytest.raises(BadInputError, match="weights"):
        PushAway([TinyRecognizer(1), TinyRecognizer(2)], make_faces(1), keys=("a",), weights=weights)


def test_a_goal_through_a_mask_leaves_what_is_masked_alone() -> None:
    faces, mask = make_faces(2), torch.zeros(1, 1, 112, 112)
    mask[..., 30:80, 30:80] = 1.0
    inner = PushAway([TinyRecognizer()], faces, keys=("a", "b"))
    masked = TransformedObjective(inner, lambda images: {"rgb": faces + mask * (images["rgb"] - faces)})
    found = PGD(steps=3)(masked, ThreatModel())
    torch.testing.assert_close(found.loss, inner.loss(masked.view(found.images)))
    torch.testing.assert_close(masked.margin(found.images), inner.margin(masked.view(found.images)))
    assert torch.equal(found.success, inner.success(masked.view(found.images)))
    assert bool((found.loss > 0.001).all())
    assert torch.equal(masked.view(found.images)["rgb"][..., :30, :], faces[..., :30, :])


def test_a_treatment_without_gradient_is_said_to_be_one() -> None:
    inner = PushAway([TinyRecognizer()], make_faces(1), keys=("a",))
    assert TransformedObjective(inner, lambda images: images).differentiable
    assert not TransformedObjective(inner, lambda images: images, differentiable=False).differentiable


def test_the_shipped_recognizers_are_really_different_networks(need_asset: Callable[[str], Path]) -> None:
    for asset in ("faceplugin_recognizer", "facesdk_mobilefacenet", "dlib_face_api"):
        need_asset(asset)
    names = ("mobilefacenet_512", "mobilefacenet_128", "dlib_resnet34")
    models, faces = [registry.load("recognizers", name)() for name in names], make_faces(5)
    PushAway(models, faces[:1], keys=("a",))
    with pytest.raises(BadInputError, match="surrogates 1 and 4"):
        PushAway([*models, registry.load("recognizers", names[0])()], faces[:1], keys=("a",))
    with torch.no_grad():
        views = torch.stack([model.embed(faces) @ model.embed(faces).T for model in models])
    apart = [float((views[i] - views[j]).abs().max()) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert min(apart) > 0.02
