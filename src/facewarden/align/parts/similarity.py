"""The similarity transform between two sets of points that is best in the least-squares sense."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError


def fit_similarity(source: Float[np.ndarray, "n 2"], target: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "2 3"]:
    """Find the rotation, uniform scale and shift that take one set of points closest to another.

    Args:
        source: `(n, 2)` points, n >= 2, not all the same.
        target: `(n, 2)` where they should go.

    Returns:
        `(2, 3)` matrix `[s R | t]`; `matrix @ (x, y, 1)` is the moved point. R never mirrors.

    Raises:
        BadInputError: the points are not finite, or all lie on one spot.

    Source: Umeyama, PAMI 13(4) 1991, equations 34 to 43. In the plane, with a point as the complex number x + iy, the
    minimum is closed: s e^(i angle) = sum conj(p) q / sum |p|^2 over the centered points.
    """
    if not (np.isfinite(source).all() and np.isfinite(target).all()):
        raise BadInputError("landmarks must be finite numbers", hint="check the landmarks")
    p, q = _as_complex(source), _as_complex(target)
    spread = float(np.sum(np.abs(p - p.mean()) ** 2))
    if spread < 1e-12:
        raise BadInputError("all landmarks lie on one spot", hint="check the landmarks")
    turn = np.sum(np.conj(p - p.mean()) * (q - q.mean())) / spread
    shift = q.mean() - turn * p.mean()
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def _as_complex(points: Float[np.ndarray, "n 2"]) -> NDArray[np.complex128]:
    return np.asarray(points[:, 0] + 1j * points[:, 1], dtype=np.complex128)
