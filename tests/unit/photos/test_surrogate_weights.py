"""Weights of surrogates come from their cards; a recognizer that nobody measured gets no silent default."""

from __future__ import annotations

from dataclasses import replace

import pytest

from facewarden.attacks.fawkes import Fawkes
from facewarden.attacks.fawkes_targeted import FawkesTargeted
from facewarden.attacks.lowkey import LowKey
from facewarden.attacks.pgd import PGD
from facewarden.attacks.square import Square
from facewarden.core.errors import BadInputError
from facewarden.photos.cloak_attack import choose_method, surrogate_weights
from stand_ins import TinyRecognizer


def measured(threshold: float | None) -> TinyRecognizer:
    model = TinyRecognizer()
    model.card = replace(model.card, match_threshold=threshold)
    return model


def test_weights_follow_the_thresholds_of_the_cards() -> None:
    assert surrogate_weights([measured(0.245), measured(0.906), measured(0.0)], attack=PGD()) == [1.15, 3.26, 1.0]


@pytest.mark.parametrize("threshold", [None, 1.0, float("nan")])
def test_an_unknown_recognizer_is_named(threshold: float | None) -> None:
    with pytest.raises(BadInputError, match="no threshold: the card of tiny states") as raised:
        surrogate_weights([measured(0.245), measured(threshold)], attack=PGD())
    assert "facewarden evaluate verification" in raised.value.hint


def test_a_surrogate_without_gradients_is_refused_before_its_threshold_is_asked_for() -> None:
    closed = measured(None)
    closed.differentiable = False
    with pytest.raises(BadInputError, match="PGD needs gradients, which the surrogate tiny does not give"):
        surrogate_weights([measured(0.2), closed], attack=PGD())
    with pytest.raises(BadInputError, match="no threshold"):
        surrogate_weights([closed], attack=Square())


def test_strengths_stand_on_the_cloaks_class() -> None:
    assert PGD.cloak_strength("low") == ({}, 4.0)
    assert LowKey.cloak_strength("high") == ({"pace": "swift"}, 16.0)
    assert LowKey.cloak_strength("mid", thorough=True) == ({"pace": "published"}, 8.0)
    assert Fawkes.cloak_strength("mid") == ({"mode": "mid"}, 15.0)
    assert FawkesTargeted.cloak_strength("high") == ({"threshold": 0.012}, 15.0)
    with pytest.raises(BadInputError, match="fawkes has one pace only"):
        Fawkes.cloak_strength("mid", thorough=True)
    with pytest.raises(BadInputError, match="strength 'huge'"):
        choose_method("lowkey", strength="huge", eps=None, thorough=False)
