"""The examples in the docstrings run and print what they say."""

from __future__ import annotations

import doctest
from types import ModuleType

import pytest

from facewarden.metrics import intervals, match, pad


@pytest.mark.parametrize("module", [intervals, match, pad], ids=lambda module: module.__name__)
def test_examples(module: ModuleType) -> None:
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0
