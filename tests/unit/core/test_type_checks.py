"""The type checks of a test run keep nothing that a function of the package is done with."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
from torch import nn

from facewarden.core.compute.folding import lay_out
from facewarden.core.errors import BadInputError


def test_what_a_function_inside_a_function_refers_to_is_freed() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).eval()
    seen: list[weakref.ref[torch.Tensor]] = []

    def run() -> None:
        output = network[0](torch.rand(1, 3, 8, 8))
        seen.append(weakref.ref(output))
        network[1](output)

    assert lay_out(network, run)  # its hooks are functions inside a function, which hold what they saw
    gc.collect()
    assert seen[0]() is None


def test_functions_and_methods_are_checked() -> None:
    with pytest.raises(TypeError):
        BadInputError(3, hint="none")  # type: ignore[arg-type]
