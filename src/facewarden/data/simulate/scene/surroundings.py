"""What surrounds a presentation: the room or street behind it and the hands that hold the instrument."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from facewarden.data.simulate.scene.filters import blurred, resized
from facewarden.data.simulate.scene.light import Light
from facewarden.data.simulate.scene.surface import NOWHERE, Surface, plain
from facewarden.data.simulate.scene.view import F32, PinholeView, Placement, pixel_grid


def smooth_noise(rng: np.random.Generator, size: int, *, cells: int) -> F32:
    """Gaussian noise of unit variance that varies over `1 / cells` of the frame."""
    coarse = rng.standard_normal((cells + 3, cells + 3), dtype=np.float32)
    fine = resized(coarse, size, cv2.INTER_CUBIC)
    fine /= max(float(fine.std()), 1e-6)
    return fine


def _tone(rng: np.random.Generator, low: float, high: float, *, color: float) -> F32:
    gray = rng.uniform(low, high)
    return np.clip(gray * (1 + color * rng.uniform(-1, 1, 3)), 0.01, 0.95).astype(np.float32)


def background(rng: np.random.Generator, size: int, *, light: Light) -> Surface:
    """A room with furniture, or a street with sky; out of focus, one to many meters behind the head."""
    base = plain(size, albedo=0.5, nir=0.5, depth=float(rng.uniform(1100, 3200)))
    small = max(48, size // 2)
    if light.environment == "indoor":
        albedo, depth, emission = _room(rng, small, light=light, wall=float(base.depth[0, 0]))
    else:
        albedo, depth, emission = _street(rng, small, light=light)
    # Cameras focus on the face: what is meters behind is blurred by some thousandths of the frame's width.
    blur = small * float(rng.uniform(0.004, 0.02))
    albedo = resized(blurred(albedo, blur), size)
    emission = resized(blurred(emission, blur), size)
    depth = resized(depth, size, cv2.INTER_NEAREST)
    # Paints, fabrics and leaves are brighter and flatter in the near infrared than in color.
    nir = np.clip(0.25 + 0.6 * albedo.mean(2), 0, 0.9)
    shape = (size, size, 3)
    return replace(base, albedo=np.broadcast_to(albedo, shape), emission=np.broadcast_to(emission, shape),
                   depth=depth, nir=nir.astype(np.float32))  # fmt: skip


def _room(rng: np.random.Generator, size: int, *, light: Light, wall: float) -> tuple[F32, F32, F32]:
    x, y = pixel_grid(size)
    albedo = np.ones((size, size, 3), np.float32) * _tone(rng, 0.25, 0.8, color=0.12)
    albedo *= (1 + float(rng.uniform(-0.3, 0.3)) * x[..., None] / size) * (
        1 - float(rng.uniform(0, 0.4)) * y[..., None] / size
    )
    albedo *= 1 + 0.03 * smooth_noise(rng, size, cells=int(rng.integers(4, 30)))[..., None]
    depth = np.asarray(wall + float(rng.uniform(-0.7, 0.7)) * wall * x / size, np.float32)
    for _ in range(int(rng.integers(2, 8))):
        left, top = (int(v) for v in rng.integers(-size // 4, size, 2))
        wide, high = (int(v) for v in rng.integers(size // 12, size // 2, 2))
        window = np.s_[max(top, 0) : max(top + high, 0), max(left, 0) : max(left + wide, 0)]
        albedo[window] = _tone(rng, 0.04, 0.85, color=0.35)
        depth[window] *= float(rng.uniform(0.75, 1.0))
    emission = np.zeros_like(albedo)
    if light.illumination == "back":
        left, top = int(rng.uniform(-0.2, 0.35) * size), int(rng.uniform(-0.3, 0.1) * size)
        wide, high = int(rng.uniform(0.5, 0.9) * size), int(rng.uniform(0.6, 1.1) * size)
        window = np.s_[max(top, 0) : top + high, max(left, 0) : left + wide]
        emission[window] = light.key / max(float(light.key.mean()), 1e-6) * light.backdrop * 0.5
        depth[window] = NOWHERE
        bar = left + wide // 2
        if 2 < bar < size - 2:
            emission[max(top, 0) : top + high, bar - 2 : bar + 2] *= 0.05
    else:
        albedo *= min(light.backdrop, 1.1)
    return np.clip(albedo, 0.01, 0.95), depth, emission.astype(np.float32)


def _street(rng: np.random.Generator, size: int, *, light: Light) -> tuple[F32, F32, F32]:
    _, y = pixel_grid(size)
    horizon = float(rng.uniform(-0.25, 0.35)) * size + 0.06 * size * smooth_noise(rng, size, cells=6)
    horizon = np.asarray(horizon[size // 2 : size // 2 + 1, :], np.float32)
    sky = np.clip((horizon - y) / 2, 0, 1)
    ground = np.ones((size, size, 3), np.float32) * _tone(rng, 0.1, 0.4, color=0.2)
    leaves = smooth_noise(rng, size, cells=size // 5) * 0.5 + smooth_noise(rng, size, cells=12) * 0.5
    if rng.random() < 0.6:
        ground = (np.array([0.07, 0.13, 0.04], np.float32) * (1 + 0.5 * np.clip(leaves, -1.5, 1.5)[..., None])).astype(
            np.float32
        )
    for _ in range(int(rng.integers(1, 6))):
        left, wide = int(rng.integers(-size // 4, size)), int(rng.integers(size // 8, size // 2))
        top = int(rng.integers(0, size // 2))
        block = np.s_[top:, max(left, 0) : max(left + wide, 0)]
        ground[block] = _tone(rng, 0.1, 0.6, color=0.2)
        sky[block] = 0
    depth = np.where(sky > 0.5, NOWHERE, np.float32(rng.uniform(3500, 12000))).astype(np.float32)
    glow = light.sky / max(float(light.sky.mean()), 1e-6) * (0.9 * light.backdrop)
    emission = sky[..., None] * glow * (1 - 0.15 * np.clip(leaves, -1, 1)[..., None] * 0.4)
    return np.clip(ground * (1 - sky[..., None]), 0.005, 0.95), depth, emission.astype(np.float32)


def fingers(
    rng: np.random.Generator,
    view: PinholeView,
    placement: Placement,
    *,
    half: tuple[float, float],
    skin: F32,
    nir: float,
    grip: str,
) -> Surface | None:
    """Fingers that reach over the edge of a sheet or device.

    Args:
        rng: draws where they hold.
        view: the camera.
        placement: the held object.
        half: half its width and height in mm.
        skin: `(3,)` linear reflectance of the hand.
        nir: reflectance of the hand in the near infrared.
        grip: "sides" (two hands, one thumb on each side), "below" (both thumbs from below), "wrap" (one hand around
            a phone: four fingers at one side, the thumb at the other).
    """
    wide, high = half
    capsules: list[tuple[float, float, float, float, float]] = []
    side = 1.0 if rng.random() < 0.5 else -1.0
    if grip == "wrap":
        start = rng.uniform(0.0, 0.35) * high
        for k in range(4):
            y = start + k * rng.uniform(16, 19)
            capsules.append((side * (wide + 14), y + 4, side * (wide - rng.uniform(1, 7)), y, rng.uniform(7, 8.5)))
        y = start + rng.uniform(0, 25)
        capsules.append((-side * (wide + 18), y + 28, -side * (wide - rng.uniform(2, 12)), y, rng.uniform(9, 10.5)))
    else:
        for s in (-1.0, 1.0):
            if grip == "sides":
                y = rng.uniform(0.1, 0.75) * high
                capsules.append((s * (wide + 34), y + 22, s * (wide - rng.uniform(6, 20)), y, rng.uniform(9, 11)))
            else:
                x = s * rng.uniform(0.35, 0.85) * wide
                capsules.append((x + s * 14, high + 40, x, high - rng.uniform(8, 22), rng.uniform(9, 11)))
    rows = np.array(capsules)
    ends = placement.points(np.concatenate([rows[:, 0:2], rows[:, 2:4]]))
    pixels, depths = view.project(ends), -ends[:, 2]
    count = len(rows)
    size = view.size
    margin = size
    if np.all((pixels < -margin / 8) | (pixels > size + margin / 8)):
        return None
    gx, gy = pixel_grid(size)
    middle = (size - 1) / 2
    px, py = gx + np.float32(middle), gy + np.float32(middle)
    best = np.full((size, size), -1.0, np.float32)
    depth = np.full((size, size), NOWHERE, np.float32)
    nx, ny = np.zeros_like(best), np.zeros_like(best)
    for k in range(count):
        (ax, ay), (bx, by) = pixels[k].tolist(), pixels[count + k].tolist()
        radius = float(rows[k, 4]) * view.pixels_per_mm(float(depths[count + k]))
        squared = max(float((bx - ax) ** 2 + (by - ay) ** 2), 1e-6)
        along = np.clip(((px - ax) * (bx - ax) + (py - ay) * (by - ay)) / squared, 0, 1)
        dx, dy = px - (ax + along * (bx - ax)), py - (ay + along * (by - ay))
        inside = (radius - np.sqrt(dx * dx + dy * dy)) / radius
        front = inside > best
        best = np.where(front, inside, best)
        nx, ny = np.where(front, dx / radius, nx), np.where(front, dy / radius, ny)
        rise = np.sqrt(np.clip(1 - (1 - inside) ** 2, 0, 1)) * float(rows[k, 4] * 1.4)
        depth = np.where(front, float(depths[k]) + along * float(depths[count + k] - depths[k]) - rise, depth)
    reach = float(rows[0, 4]) * view.pixels_per_mm(float(depths[count]))
    coverage = np.clip(best * reach + 0.5, 0, 1)
    nz = np.sqrt(np.clip(1 - nx * nx - ny * ny, 0.04, 1))
    normal = np.dstack([nx, ny, nz])
    normal /= np.linalg.norm(normal, axis=2, keepdims=True)
    matt = plain(size, albedo=0.0, nir=nir, depth=0.0)
    shaded = skin * (0.9 + 0.1 * nz[..., None])
    return replace(
        matt,
        albedo=shaded.astype(np.float32),
        depth=depth.astype(np.float32),
        normal=normal.astype(np.float32),
        gloss=np.full_like(best, 0.35),
        coverage=coverage.astype(np.float32),
    )
