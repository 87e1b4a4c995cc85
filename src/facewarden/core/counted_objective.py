"""`CountedObjective`: the only view of an objective that an attack gets; every use of the model is counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor

from facewarden.core.compute.precision import Precision, autocast, resolve_precision
from facewarden.core.errors import BadInputError, ContractError, NotFiniteError
from facewarden.core.gradient_source import AttackStage, GradientSource
from facewarden.core.labels import Modality
from facewarden.core.objective import Images, Objective, Transform
from facewarden.core.seeding import derive
from facewarden.core.threat import ThreatModel

Climb = Literal["loss", "margin", "cross_entropy", "first_loss"]


class CountedObjective:
    """The only view of an objective that an attack gets: every use of it is counted, sample by sample.

    Attributes:
        clean: images of all modalities.
        threat: the budget, for attacks that project while they walk.
        stage: how far the walk has come, set by `at`.
        label: `(b,)` of the samples, 1 = bona fide; None where the goal has none.
    """

    def __init__(
        self, objective: Objective, threat: ThreatModel, seed: int, *, reading: GradientSource | None = None
    ) -> None:
        self._objective, self._seed, self._reading = objective, seed, reading
        self._fast: Objective | None = None
        self.threat, self.label = threat, objective.label
        self.stage, self._turn = AttackStage(), 0
        self._state: dict[str, Tensor] | None = None
        # copies: an attack that writes into them moves no one's yardstick but its own
        self.clean: Images = {name: image.detach().clone() for name, image in objective.clean.items()}
        self._rows = torch.arange(len(objective.keys))
        self._counts = torch.zeros(2, len(objective.keys), dtype=torch.int64)

    def __len__(self) -> int:
        """How many samples there are."""
        return len(self._objective.keys)

    @property
    def people(self) -> Tensor:
        """`(b,)` number of the person of each sample, in the order of their first samples."""
        named = self._objective.people
        if named is None:
            return torch.arange(len(self))
        numbers: dict[str, int] = {}
        return torch.tensor([numbers.setdefault(who, len(numbers)) for who in named], dtype=torch.long)

    @property
    def landmarks(self) -> Tensor | None:
        """`(b, 5, 2)` landmarks in pixels of the images, where the goal knows them."""
        return self._objective.landmarks

    @property
    def gradient_calls(self) -> int:
        """Gradients taken for the sample that took most of them."""
        return int(self._counts[0].max()) if self._counts.shape[1] else 0

    @property
    def queries(self) -> int:
        """Evaluations without gradient of the sample that needed most of them."""
        return int(self._counts[1].max()) if self._counts.shape[1] else 0

    @property
    def counts(self) -> Tensor:
        """`(2, b)` gradients and further evaluations of every sample."""
        return self._counts.clone()

    def narrow(self, rows: Tensor, *, stream: str | None = None) -> CountedObjective:
        """Return a view of some samples only; what it costs is counted here.

        Args:
            rows: `(k,)` positions, or `(b,)` bool.
            stream: gives the view random draws of its own; without it a sample's draws stay what they are here.
        """
        where = rows.nonzero().flatten() if rows.dtype == torch.bool else rows
        seed = self._seed if stream is None else derive(self._seed, stream)
        view = CountedObjective(self._objective.select(where.tolist()), self.threat, seed, reading=self._reading)
        view._rows, view._counts = self._rows[where.to(self._rows.device)], self._counts
        view.stage, view._turn = self.stage, self._turn
        view._fast = None if self._fast is None else self._fast.select(where.tolist())
        if self._state is not None:
            view._state = {name: value[where.to(value.device)] for name, value in self._state.items()}
        return view

    def at(self, step: int, *, steps: int, restart: int = 0) -> None:
        """Say how far the walk has come; a reading may depend on it.

        Args:
            step, steps: which step is next, and how many there are.
            restart: which try it is.
        """
        self.stage, self._turn = AttackStage(restart, step, steps), 0

    def gradient(
        self,
        images: Images,
        *,
        of: Climb = "loss",
        through: Transform | None = None,
        precision: Precision = "float32",
        valued: bool = True,
    ) -> tuple[dict[Modality, Tensor], Tensor]:
        """Gradient of what is climbed with respect to each reachable modality, and its value `(b,)` at the images.

        Where the attack was given a `GradientSource`, the gradient is the mean of those that it asks for.

        Args:
            images: where to read it.
            of: "loss" is the objective's own; "margin" is its distance to the decision; "cross_entropy" is
                the two-class cross-entropy of that margin; "first_loss" is what the objective climbs in its first
                steps.
            through: a differentiable change of the images between here and the model.
            precision: "bfloat16" runs the model under autocast with channels-last images where the device has it
                natively: about twice as fast on convolutions, and a slightly different gradient; success is measured
                in float32 all the same.
            valued: whether the caller reads the value; a `GradientSource` pays a query for it; zero if not wanted.

        Raises:
            ContractError: the objective gives something else than one differentiable value a sample.
        """
        if self._reading is None:
            return self._gradient(images, of=of, through=through, precision=precision)
        if self._state is None:
            self._state = self._reading.begin(self)
        looks = self._reading.looks(images, objective=self, state=self._state)
        self._turn += 1
        mean: dict[Modality, Tensor] = {}
        for look in looks:
            view = _chained(through, look.through)
            found, value = self._gradient(look.images, of=of, through=view, precision=precision)
            mean = {name: mean[name] + g for name, g in found.items()} if mean else found
        if len(looks) > 1:
            mean = {name: gradient / len(looks) for name, gradient in mean.items()}
        if not valued:
            return mean, torch.zeros_like(value)
        return mean, self.loss(images if through is None else through(images), of=of)

    def _gradient(
        self, images: Images, *, of: Climb, through: Transform | None, precision: Precision
    ) -> tuple[dict[Modality, Tensor], Tensor]:
        self._counts[0, self._rows] += 1
        if self._fast is None:
            self._fast = self._objective.for_gradients()
        inputs = {name: image.detach() for name, image in images.items()}
        wanted = [name for name in inputs if name in self.threat.modalities]
        for name in wanted:
            inputs[name] = inputs[name].clone().requires_grad_(True)
        device = inputs[wanted[0]].device.type if wanted else "cpu"
        with torch.enable_grad():
            seen = inputs if through is None else through(inputs)
            if resolve_precision(precision, device) != "float32":
                seen = {name: image.contiguous(memory_format=torch.channels_last) for name, image in seen.items()}
            with self._named(), autocast(precision, device):
                value = self._value(seen, of, self._fast).float()
            if not value.requires_grad or value.shape != (len(self),):
                raise ContractError(
                    f"{type(self._objective).__name__}.loss must give one differentiable value a sample",
                    hint="a model without gradients sets differentiable = False",
                )
            gradients = torch.autograd.grad(value.sum(), [inputs[name] for name in wanted], allow_unused=True)
        named = zip(wanted, gradients, strict=True)
        found = {n: torch.zeros_like(inputs[n]) if g is None else g.contiguous() for n, g in named}
        self._check("the value", [value.detach()])
        self._check("the gradient", found.values())
        return found, value.detach()

    def _check(self, what: str, values: Iterable[Tensor]) -> None:
        """Refuse samples to which the goal gives NaN or infinity."""
        bad = torch.zeros(len(self), dtype=torch.bool)
        for value in values:
            finite = torch.isfinite(value.detach())
            bad |= ~(finite.flatten(1).all(dim=1) if finite.ndim > 1 else finite).cpu()
        rows = tuple(self._rows[bad].tolist())
        if rows:
            goal, first = type(self._objective).__name__, self._objective.keys[int(bad.int().argmax())]
            raise NotFiniteError(
                f"{goal}: {what} is NaN or infinite for {len(rows)} samples, first {first}",
                hint="look at the model's weights and input",
                rows=rows,
            )

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Let an error of a network name its rows among all samples of the attack, not among those of a view."""
        try:
            yield
        except NotFiniteError as error:
            ours: list[int] = self._rows.tolist()
            error.rows = tuple(ours[row] for row in error.rows if row < len(ours))
            raise

    @staticmethod
    def _value(images: Images, of: Climb, objective: Objective) -> Tensor:
        if of == "loss":
            return objective.loss(images)
        if of == "first_loss":
            return objective.first_loss(images)
        margin = objective.margin(images)
        return margin if of == "margin" else torch.nn.functional.softplus(margin)

    def loss(self, images: Images, *, of: Climb = "loss") -> Tensor:
        """What is climbed, per sample, without gradient; `of` as in `gradient`."""
        self._counts[1, self._rows] += 1
        with torch.no_grad(), self._named():
            value = self._value(images, of, self._objective)
        self._check("the value", [value])
        return value

    def success(self, images: Images) -> Tensor:
        """Success per sample."""
        self._counts[1, self._rows] += 1
        with self._named():
            return self._objective.success(images)

    def project(self, images: Images) -> dict[Modality, Tensor]:
        """Put the reachable modalities back into the budget and the others back to their clean pixels."""
        threat, clean = self.threat, self.clean
        return {
            name: threat.project(images[name], clean[name]) if name in threat.modalities else clean[name]
            for name in clean
        }

    def draws(self, *stream: str) -> list[torch.Generator]:
        """One generator a sample for a `GradientSource`, another one at every reading of every step and restart."""
        stage = self.stage
        return self.generators(*stream, f"restart {stage.restart}", f"step {stage.step}", f"turn {self._turn}")

    def generators(self, *stream: str) -> list[torch.Generator]:
        """One generator a sample, seeded by its key and the name of the stream: batching never changes the draws."""
        return [torch.Generator().manual_seed(derive(self._seed, *stream, key)) for key in self._objective.keys]

    def noise(self, modality: Modality, *, kind: str = "uniform", stream: str | int = 0) -> Tensor:
        """Random numbers shaped like a modality, drawn per sample by its key.

        Args:
            modality: whose shape to take.
            kind: "uniform" in [-1, 1) or "normal".
            stream: separates draws (restart number, step …).

        Raises:
            BadInputError: an unknown kind.
        """
        if kind not in ("uniform", "normal"):
            raise BadInputError(f"unknown kind of noise {kind!r}", hint="uniform or normal")
        image = self.clean[modality]
        draws = []
        for generator in self.generators("noise", modality, str(stream)):
            if kind == "normal":
                draws.append(torch.randn(image.shape[1:], generator=generator))
            else:
                draws.append(torch.rand(image.shape[1:], generator=generator) * 2 - 1)
        return torch.stack(draws).to(image) if draws else torch.zeros_like(image)


def _chained(first: Transform | None, second: Transform | None) -> Transform | None:
    if first is None or second is None:
        return second if first is None else first
    return lambda images: second(first(images))
