"""Protego: one texture for a person on a face mesh that turns with the head; masked photos repel each other as well."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
import torch
from annotated_types import Ge
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from facewarden.attacks.parts.person_mask import Masks, Paint, PersonMask, mean_by_person, person_noise
from facewarden.core.attack import CountedObjective
from facewarden.core.errors import BadInputError
from facewarden.core.files import write_text
from facewarden.core.objective import Images
from facewarden.core.settings import Count, Positive, Share
from facewarden.data.simulate.person.mesh import CanonicalMesh, cached_mesh, read_obj
from facewarden.data.simulate.person.texture import texture_map
from facewarden.nn.ssim import dssim

_FEW, _MANY = 0.99, 1.01  # of the least similarity: below, its price doubles; above, it halves
_BOUND = 129.0
Fitted = tuple[NDArray[np.float32], NDArray[np.bool_]]
_EYES = (0.315, 0.461)  # of an aligned crop's side: the distance of the eyes, and how far down they are


@dataclass(frozen=True, kw_only=True, eq=False)
class Protego(PersonMask):
    """Sign steps on a texture T: T <- clip(T + step eps sign(gradient), eps), warped to every photo by the mesh.

    A photo's change is K clip(T at U, eps): U says which place of the texture a pixel shows, K where the mesh covers
    it, both from the canonical face mesh fitted to five landmarks. The goal (`RepelEachOther`) moves each photo away
    from itself and the masked photos of the person away from each other. What becomes visible has a price,
    w max(0, similarity - SSIM), whose weight w a controller doubles below 0.99 of the asked similarity and halves
    above 1.01 of it.

    Differences from the published code: MediaPipe's mesh and five landmarks in place of FLAME and a regressor; with the
    mean over the photos shown at once, an epoch is a step.

    Args:
        steps: gradient steps, 100 as published.
        step_size: length of a step in parts of the budget.
        side: of the texture in texels.
        similarity: SSIM below which a change has a price.
        photos: at most so many photos of a person make the texture; it is put on all of them.
        mesh: a Wavefront file with the vertices of the canonical face; by default the fetched one.
        precision: "bfloat16" reads gradients faster where the processor has it.

    Raises:
        BadInputError: a count below one, a step that is not positive, or a mesh that is none.
        MissingAssetError: no mesh is given and `facewarden fetch mindar_face_mesh` has not been run.

    Source: Protego, CVPR 2026 (HKU-TASR): UV texture, hub term, SSIM controller; budget 16/255.
    """

    wants_landmarks: ClassVar[bool] = True
    person_goal = "repel"

    steps: Count = 100
    step_size: Positive = 0.01
    side: Annotated[int, Ge(2)] = 224
    similarity: Share = 0.95
    mesh: Path | None = None

    @classmethod
    def example(cls, folder: Path) -> Protego:
        """Return a few steps on a flat mesh that is written into a folder."""
        path = folder / "grid.obj"
        axis = np.linspace(-1.0, 1.0, 22)
        lines = [f"v {8 * x:.4f} {-9 * y:.4f} {5 - 2 * x * x:.4f}" for y in axis for x in axis]
        lines += [f"vt {(x + 1) / 2:.4f} {(1 - y) / 2:.4f}" for y in axis for x in axis]
        for row in range(21):
            for corner in (22 * row + column + 1 for column in range(21)):
                a, b, c, d = corner, corner + 1, corner + 22, corner + 23
                lines += [f"f {a}/{a} {b}/{b} {c}/{c}", f"f {b}/{b} {d}/{d} {c}/{c}"]
        write_text(path, "\n".join(lines))
        return cls(steps=2, step_size=0.5, side=16, mesh=path)

    def painter(self, objective: CountedObjective) -> Paint:
        """Return what warps the textures onto the photos."""
        mesh = cached_mesh() if self.mesh is None else read_obj(self.mesh)
        clean, people, threat = objective.clean, objective.people, objective.threat
        seen = {name: _places(clean[name], objective.landmarks, mesh) for name in threat.modalities}

        def paint(masks: Masks) -> Images:
            images = dict(clean)
            for name, textures in masks.items():
                places, inside = seen[name]
                shown = functional.grid_sample(
                    textures[people], places, mode="bilinear", padding_mode="border", align_corners=False
                )
                change = inside * shown.clamp(-1.0, 1.0)
                scaled = threat.eps * change if threat.norm == "linf" else threat.scaled(change)
                images[name] = (clean[name] + scaled).clamp(0.0, 1.0)
            return images

        return paint

    def learn(self, objective: CountedObjective, paint: Paint) -> Masks:
        """Take the steps, in units of the budget."""
        clean, people = objective.clean, objective.people
        masks: Masks = {}
        for name in objective.threat.modalities:
            masks[name] = person_noise(objective, name, (clean[name].shape[1], self.side, self.side))
        price = torch.ones(int(people.max()) + 1)
        for number in range(self.steps):
            objective.at(number, steps=self.steps)
            moving = {name: mask.clone().requires_grad_(True) for name, mask in masks.items()}
            with torch.enable_grad():
                images = paint(moving)
            slopes, _ = objective.gradient(
                {name: image.detach() for name, image in images.items()}, precision=self.precision, valued=False
            )
            for name in masks:
                visible, alike = self._visible(images[name].detach(), clean[name], people)
                slope = slopes[name] - price[people].view(-1, 1, 1, 1).to(visible) * visible
                (climb,) = torch.autograd.grad(images[name], moving[name], slope)
                masks[name] = (masks[name] + self.step_size * climb.sign()).clamp(-1.0, 1.0)
            price = controlled(price, alike.cpu() / max(self.similarity, 1e-6))
        return masks

    def _visible(self, images: Tensor, clean: Tensor, people: Tensor) -> tuple[Tensor, Tensor]:
        """Gradient of a person's max(0, similarity - SSIM) for each photo, and the mean SSIM `(k,)` of each person."""
        moving = images.clone().requires_grad_(True)
        with torch.enable_grad():
            each = 1 - 2 * dssim(moving, clean)
            (slope,) = torch.autograd.grad(each.sum(), moving)
        alike = mean_by_person(each.detach(), people)
        too_far = (alike < self.similarity)[people.to(alike.device)].view(-1, 1, 1, 1)
        return torch.where(too_far, -slope, torch.zeros_like(slope)), alike


def controlled(price: Tensor, share: Tensor) -> Tensor:
    """Halve the price of people who look more alike than asked, double it for those who look less, 1 in between.

    Args:
        price: `(k,)` weights before.
        share: `(k,)` similarity in units of the asked one.
    """
    changed = torch.where(share > _MANY, price / 2, torch.where(share < _FEW, price * 2, torch.ones_like(price)))
    return changed.clamp(1 / _BOUND, _BOUND)


def _places(clean: Tensor, landmarks: Tensor | None, mesh: CanonicalMesh) -> tuple[Tensor, Tensor]:
    """Places in the texture `(b, h, w, 2)` in [-1, 1], and the share of the mesh `(b, 1, h, w)`, of every photo."""
    height, width = clean.shape[-2:]
    size = max(height, width)
    frontal = _frontal(mesh, size)
    points = [frontal] * len(clean) if landmarks is None else list(landmarks.cpu().numpy())
    known: dict[bytes, Fitted] = {}
    found = [_fitted(one, frontal, size, mesh, known) for one in points]
    places = torch.stack([torch.from_numpy(one[0][:height, :width]) for one in found]) * 2 - 1
    inside = torch.stack([torch.from_numpy(one[1][:height, :width]) for one in found])[:, None]
    return places.to(clean), inside.to(clean)


def _fitted(
    points: NDArray[np.float32],
    frontal: NDArray[np.float32],
    size: int,
    mesh: CanonicalMesh,
    known: dict[bytes, Fitted],
) -> Fitted:
    key = points.tobytes()
    if key not in known:
        try:
            known[key] = texture_map(points.astype(np.float32), size=size, mesh=mesh)
        except BadInputError:  # points that no head gives: seen from the front
            known[key] = texture_map(frontal, size=size, mesh=mesh)
    return known[key]


def _frontal(mesh: CanonicalMesh, size: int) -> NDArray[np.float32]:
    """The landmarks of a face seen from the front, with its eyes where those of aligned crops are."""
    points = mesh.landmarks[:, :2]
    eyes = float(np.linalg.norm(points[1] - points[0]))
    middle = points[:2].mean(axis=0)
    flat = (points - middle) * (_EYES[0] * size / eyes) + np.array([0.5, _EYES[1]]) * size
    return np.asarray(flat, dtype=np.float32)


entry = Protego
