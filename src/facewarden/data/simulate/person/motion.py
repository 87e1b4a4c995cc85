"""How expressions and a person's own asymmetry displace the face, on a coarse lattice so that it costs little."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facewarden.data.simulate.person.curves import lip_curves
from facewarden.data.simulate.person.geometry import FaceGrid
from facewarden.data.simulate.person.lattice import Map, Number, bump, resize, sample, step
from facewarden.data.simulate.person.noise import fractal, generator
from facewarden.data.simulate.person.person import Identity
from facewarden.data.simulate.person.pose import Expression

_CELLS = 112


@dataclass(frozen=True)
class Motion:
    """Displacement fields of one identity over a coarse lattice.

    Attributes:
        identity: whose face.
        x: `(k, k)` face millimeters of the lattice.
        y: the same, downward.
        asymmetry: `(k, k, 2)` millimeters that the person's face lies off the symmetric one.
        smile: `(n, n)` millimeters that a full smile adds to the relief, on the fine grid.
    """

    identity: Identity
    x: Map
    y: Map
    asymmetry: Map
    smile: Map

    @classmethod
    def build(cls, identity: Identity, *, grid: FaceGrid, smile: Map) -> Motion:
        """Lay the lattice over `grid` and draw the asymmetry."""
        x = resize(grid.x, size=(_CELLS, _CELLS))
        y = resize(grid.y, size=(_CELLS, _CELLS))
        rng = generator(identity.seed, "asymmetry")
        dx = fractal(rng, x, y, wavelength=110, octaves=2)
        dy = fractal(rng, x, y, wavelength=110, octaves=2)
        # What no named measure captures: a symmetric drift of all features, different in every person.
        fx = fractal(rng, np.abs(x), y, wavelength=70, octaves=2) * np.tanh(x / 12)
        fy = fractal(rng, np.abs(x), y, wavelength=70, octaves=2)
        calm = np.exp(-0.5 * (np.hypot(x, y - 25) / 95) ** 2)
        drift = np.stack([(1.0 * dx + 1.5 * fx) * calm, (0.5 * dy + 1.5 * fy) * calm], axis=2).astype(np.float32)
        return cls(identity, x, y, drift, smile)

    def jaw_drop(self, expression: Expression) -> float:
        """Millimeters between the lips; a broad smile parts them too."""
        return 15.0 * expression.mouth_open + 5.0 * max(0.0, expression.smile - 0.45)

    def displacement(self, expression: Expression) -> Map:
        """Return `(k, k, 2)` millimeters to subtract from where a pixel lies to find its neutral place."""
        shape, x, y = self.identity.shape, self.x, self.y
        ax, sign = np.abs(x), np.sign(x)
        half, my = shape.mouth_width / 2, shape.mouth_y
        out = self.asymmetry.copy()
        if expression.smile > 0:
            corner = bump(ax, y, at=(half + 1, my), size=(12, 11))
            out[..., 0] += expression.smile * 4.6 * corner * sign
            out[..., 1] -= expression.smile * (4.2 * corner + 1.8 * bump(ax, y, at=(40, 30), size=(14, 12)))
            out[..., 1] -= expression.smile * 1.4 * bump(x, y, at=(0, my), size=(16, 9))
        drop = self.jaw_drop(expression)
        if drop > 0:
            gap = self._gap(drop)
            _, middle, _ = lip_curves(shape, x)
            into = np.clip((y - middle), 0, None)
            near = np.minimum(into, gap)
            jaw = drop * step(68 - ax, width=50) * step(into - 4, width=22)
            fall = np.maximum(near, jaw) * step(shape.chin_y + 45 - y, width=50)
            out[..., 1] += fall
        if expression.brow_raise != 0:
            lift = np.exp(-0.5 * ((y - self.identity.hair.brow_y + 3) / 9.0) ** 2) * step(62 - ax, width=25)
            out[..., 1] -= 4.0 * expression.brow_raise * lift
        return np.asarray(out, np.float32)

    def _gap(self, drop: Number) -> Map:
        t = np.clip(np.abs(self.x) / np.float32(0.47 * self.identity.shape.mouth_width), 0, 1)
        return np.asarray(drop * (1 - t**2.4), np.float32)

    def _sample(self, layer: Map, x: Map, y: Map, *, grid: FaceGrid) -> Map:
        ratio = _CELLS / grid.n
        s = np.float32(ratio / grid.mm)
        shift = (grid.n - 1) / 2 * ratio + (ratio - 1) / 2
        origin = grid.y[grid.n // 2, 0] - (grid.n // 2 - (grid.n - 1) / 2) * grid.mm
        at_x = np.ascontiguousarray(x * s + np.float32(shift), np.float32)
        at_y = np.ascontiguousarray((y - np.float32(origin)) * s + np.float32(shift), np.float32)
        return sample(layer, at_x, at_y)

    def source(self, x: Map, y: Map, moved: Map, *, grid: FaceGrid) -> tuple[Map, Map]:
        """Return the neutral, symmetric face millimeters of what lies at `x, y` under a displacement."""
        d = self._sample(moved, x, y, grid=grid)
        return np.asarray(x - d[..., 0], np.float32), np.asarray(y - d[..., 1], np.float32)

    def below_lip(self, x: Map, y: Map, moved: Map, *, grid: FaceGrid) -> Map:
        """Height in millimeters, asymmetry removed but the jaw still dropped, that the open mouth is painted in."""
        d = self._sample(self.asymmetry, x, y, grid=grid)
        smile = self._sample(np.ascontiguousarray(moved[..., 1] - self.asymmetry[..., 1]), x, y, grid=grid)
        return np.asarray(y - d[..., 1] - np.minimum(smile, 0), np.float32)

    def destination(self, points: NDArray[np.float32], moved: Map, *, grid: FaceGrid) -> NDArray[np.float32]:
        """Return where `(k, 2)` neutral points lie under a displacement."""
        here = points.copy()
        for _ in range(6):
            d = self._sample(moved, here[:, :1], here[:, 1:], grid=grid).reshape(-1, 2)
            here = points + d
        return np.asarray(here, np.float32)

    def posed_relief(self, relief: Map, moved: Map, *, grid: FaceGrid, expression: Expression) -> Map:
        """Return the relief after the expression, on the fine grid."""
        d = resize(moved, size=(grid.n, grid.n))
        s = np.float32(1 / grid.mm)
        index = np.arange(grid.n, dtype=np.float32)
        at_x, at_y = index[None, :] - d[..., 0] * s, index[:, None] - d[..., 1] * s
        base = relief + np.float32(expression.smile) * self.smile if expression.smile > 0 else relief
        return sample(base, at_x, at_y)
