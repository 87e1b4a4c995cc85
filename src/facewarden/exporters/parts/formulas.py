"""Functions of torch that ONNX does not have, by formulas of functions that it has, while a graph is recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


def solve(matrix: Tensor, right: Tensor, *, left: bool = True, out: Tensor | None = None) -> Tensor:
    """Solve small positive definite systems by elimination, unrolled.

    Args:
        matrix: `(..., k, k)`.
        right: `(..., k)`, or `(..., k, m)`.
        left, out: as torch has them; other values are not recorded.

    Raises:
        ValueError: they have other values.
    """
    if not left or out is not None:
        raise ValueError("a solution from the right, or into a tensor, is not recorded")
    single = right.ndim == matrix.ndim - 1
    columns = right[..., None] if single else right
    size = matrix.shape[-1]
    rows = [torch.cat([matrix[..., row, :], columns[..., row, :]], dim=-1) for row in range(size)]
    for pivot in range(size):
        rows[pivot] = rows[pivot] / rows[pivot][..., pivot : pivot + 1]
        for row in range(size):
            if row != pivot:
                rows[row] = rows[row] - rows[row][..., pivot : pivot + 1] * rows[pivot]
    solution = torch.stack([row[..., size:] for row in rows], dim=-2)
    return solution[..., 0] if single else solution


def distances(first: Tensor, second: Tensor, p: float = 2.0, compute_mode: str = "") -> Tensor:
    """Euclidean distances `(..., n, m)` of rows `(..., n, f)` and `(..., m, f)`; `p` is 2, any mode computes so.

    Raises:
        ValueError: distances of another kind.
    """
    if p != 2:
        raise ValueError(f"distances of order {p} are not recorded")
    return (first[..., :, None, :] - second[..., None, :, :]).square().sum(dim=-1).sqrt()


def lower_median(values: Tensor, *, dim: int) -> Any:
    """The median as torch has it: the lower one of two."""
    ordered = values.sort(dim=dim).values
    return SimpleNamespace(values=ordered.select(dim, (ordered.shape[dim] - 1) // 2))


def spectrum(picture: Tensor) -> Any:
    """The half spectrum `(..., s, s // 2 + 1)` of square pictures by products with waves, in double precision.

    The transform that runtimes have is coarse for sides that are no power of two: the logarithm of a faint part of the
    spectrum would differ in the third digit.

    Args:
        picture: `(..., s, s)`.

    Returns:
        What has `abs()`, the lengths of the complex numbers in the type of the picture.
    """
    side = picture.shape[-1]
    angles = 2 * np.pi * np.outer(np.arange(side), np.arange(side)) / side
    even, odd = (torch.from_numpy(wave(angles)) for wave in (np.cos, np.sin))
    half = side // 2 + 1
    exact = picture.double()
    across = exact @ even[:, :half], exact @ odd[:, :half]
    real, imaginary = even @ across[0] - odd @ across[1], even @ across[1] + odd @ across[0]
    return SimpleNamespace(abs=lambda: (real.square() + imaginary.square()).sqrt().to(picture.dtype))


def _frequencies(made: Callable[[int], Any]) -> Callable[..., Tensor]:
    def called(count: int, *, dtype: torch.dtype | None = None, device: Any = None) -> Tensor:
        return torch.tensor(made(count), dtype=dtype, device=device)

    return called


_FORMULAS: Mapping[Any, Callable[..., Any]] = MappingProxyType(
    {
        torch.linalg.solve: solve,
        torch.cdist: distances,
        torch.Tensor.median: lower_median,
        torch.fft.rfft2: spectrum,
        torch.fft.fftfreq: _frequencies(np.fft.fftfreq),
        torch.fft.rfftfreq: _frequencies(np.fft.rfftfreq),
    }
)


class OnnxFormulas(TorchFunctionMode):
    """Within it, functions that ONNX lacks are computed by formulas; the parity gate compares the results."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _FORMULAS.get(func, func)(*args, **(kwargs or {}))
