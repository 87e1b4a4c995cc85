"""Lines of kinds of cloaks and the statistics that they weigh: values known by hand, and what each cloak disturbs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from facewarden.attacks.smooth import Smooth
from facewarden.attacks.tint import Tint
from facewarden.core.errors import BadInputError
from facewarden.core.threat import ThreatModel
from facewarden.nn.cloak_kinds import KindLines, likeliest
from facewarden.nn.cloak_statistics import cloak_statistics
from facewarden.nn.unet import UNet
from facewarden.training.suspicion import fit_kinds
from stand_ins import generator, make_faces


def test_likelihoods_are_the_softmax_with_an_uncloaked_face_at_zero() -> None:
    lines = KindLines.from_settings({"names": ["one", "two"], "weights": [[1, 0], [0, 2]], "bias": [0.0, -1.0]})
    found = lines(torch.tensor([[0.0, 0.5], [3.0, 0.5]]))
    odds = torch.tensor([[1.0, 1.0], [np.e**3, 1.0]])
    torch.testing.assert_close(found, odds / (1 + odds.sum(dim=1, keepdim=True)))
    assert likeliest(lines.names, found[1:]) == ["one"]
    torch.testing.assert_close(KindLines.from_settings(lines.settings())(torch.ones(1, 2)), lines(torch.ones(1, 2)))


@pytest.mark.parametrize(
    "settings",
    [{}, {"names": ["a"], "weights": [1.0], "bias": [0.0]}, {"names": ["a"], "weights": [[1.0]], "bias": []}],
)
def test_lines_that_do_not_belong_together_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(BadInputError, match="lines of"):
        KindLines.from_settings(settings)


def test_another_number_of_statistics_is_refused() -> None:
    with pytest.raises(BadInputError, match="weighs 2 statistics of cloaks, there are 3"):
        KindLines(("a",), torch.zeros(1, 2), torch.zeros(1))(torch.zeros(4, 3))


def test_a_fit_finds_the_kind_that_moves_a_statistic() -> None:
    rng = np.random.default_rng(0)
    natural, one, two = (rng.normal(0, 0.5, (1000, 3)) for _ in range(3))
    one[:, 0] += 3
    two[:, 1] += 3
    lines = KindLines.from_settings(fit_kinds(natural, {"one": one, "two": two}))
    for values, name in ((one, "one"), (two, "two")):
        found = lines(torch.from_numpy(values))
        assert float((found.sum(dim=1) > 0.5).double().mean()) > 0.95
        assert likeliest(lines.names, found).count(name) > 950
    assert float((lines(torch.from_numpy(natural)).sum(dim=1) > 0.5).double().mean()) < 0.05
    alone = KindLines.from_settings(fit_kinds(natural, {"one": one}))
    assert float(alone(torch.from_numpy(one)).mean()) > 0.8 > 0.2 > float(alone(torch.from_numpy(natural)).mean())


@pytest.mark.parametrize(
    ("natural", "cloaked", "told"),
    [(4, {"one": 3, "two": 0}, "no rows of two"), (0, {"one": 3}, "no rows of natural faces"),
     (0, {"one": 0}, "natural faces, one"), (4, {}, "no rows of any kind")],
)  # fmt: skip
def test_a_fit_without_rows_is_refused(natural: int, cloaked: dict[str, int], told: str) -> None:
    with pytest.raises(BadInputError, match=told) as caught:
        fit_kinds(np.ones((natural, 2)), {name: np.zeros((count, 2)) for name, count in cloaked.items()})
    assert "leave the kind out" in str(caught.value)


def test_fields_of_color_are_seen_and_any_size_is_described() -> None:
    faces = (make_faces(4) * 0.5 + 0.25).mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)  # gray: no color varies
    natural = cloak_statistics(faces)
    assert natural.shape == (4, 111)
    assert bool(torch.isfinite(cloak_statistics(torch.rand(2, 3, 80, 96, generator=generator(1)))).all())
    assert bool(torch.isfinite(cloak_statistics(torch.zeros(1, 3, 112, 112))).all())
    field = torch.randn(4, 3, 14, 14, generator=generator(2)).sign()
    cloaked = Smooth().render(faces, field, ThreatModel(norm="linf", eps=8 / 255))
    # energy of red against green in the octave of 8 to 16 pixels: the third of five bands, the second of three values
    assert bool((cloak_statistics(cloaked)[:, 19] > natural[:, 19] + 2).all())
    tint = Tint().render(
        faces, torch.randn(4, 6, 5, 5, generator=generator(3)).sign(), ThreatModel(norm="linf", eps=1.0)
    )
    assert float((cloak_statistics(tint) - natural).abs().amax(dim=1).min()) > 0.5


def test_the_encoder_describes_each_face_alone() -> None:
    network = UNet(widths=(6, 8), contrast=4.0)
    faces = make_faces(3)
    together = network.encoded(faces)
    assert together.shape == (3, 2 * (6 + 8))
    torch.testing.assert_close(together[1:2], network.encoded(faces[1:2]))
