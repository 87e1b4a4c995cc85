"""Every training objective: it can be loaded and made; what it computes is tested beside it against worked cases."""

from __future__ import annotations

import inspect

import pytest

from facewarden.core import registry
from registered import build, names

pytestmark = pytest.mark.parametrize("name", names("objectives"), scope="module")


def test_it_can_be_made_and_called(name: str) -> None:
    entry = registry.load("objectives", name)
    made = build("objectives", name) if isinstance(entry, type) else entry
    assert callable(made)
    assert inspect.getdoc(entry)
