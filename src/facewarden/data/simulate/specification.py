"""What to simulate: one class of settings for Python, the command line, recipes, plans and audits."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated, Literal

from annotated_types import Ge, Le

from facewarden.core.labels import SPECIES
from facewarden.core.settings import Count, OneOf, Text, Whole, check_fields
from facewarden.data.simulate.sensor.domains import DOMAINS

FRAMING = 0.4
"""Width of the face box as a share of the frame's width, where nothing else is said."""


@dataclass(frozen=True)
class SimulationSettings:
    """Everything but the seed and the people's photos that decides simulated captures.

    Recipes and plans that have a seed of their own hold these; `seeded` makes a `Simulation` of them.

    Attributes:
        version: of the simulator; published numbers are reproduced by theirs.
        subjects: how many people in all; each is captured at one site.
        captures_per_subject: of each, half of them (rounded up) bona fide.
        domains: sites; empty for all of them.
        species: attack species; empty for each site's own by its weights.
        size: width and height of the frames in pixels.
        framing: width of the face box as a share of the frame's width; null is 0.4.
        maps: also write exact depth and reflection.

    Raises:
        SettingError: a setting that no set can be made of.
    """

    version: Literal[1] = 1
    subjects: Count = 24
    captures_per_subject: Count = 8
    domains: tuple[Annotated[str, OneOf(tuple(DOMAINS))], ...] = ()
    species: tuple[Annotated[str, OneOf(SPECIES)], ...] = ()
    size: Annotated[int, Ge(64), Le(2048)] = 224
    framing: Annotated[float, Ge(0.15), Le(0.75)] | None = None
    maps: bool = False

    def __post_init__(self) -> None:
        check_fields(self, source="simulation")

    @property
    def sites(self) -> tuple[str, ...]:
        """Names of the sites, all of them where none is named."""
        return self.domains or tuple(DOMAINS)

    @property
    def face_share(self) -> float:
        """Width of the face box as a share of the frame's width."""
        return FRAMING if self.framing is None else self.framing

    def seeded(self, seed: int) -> Simulation:
        """The same with a seed.

        Args:
            seed: decides everything.
        """
        return Simulation(**{item.name: getattr(self, item.name) for item in fields(SimulationSettings)}, seed=seed)


@dataclass(frozen=True)
class Simulation(SimulationSettings):
    """Everything but the people's photos that decides simulated captures.

    Attributes:
        seed: decides everything that is drawn.
    """

    seed: Whole = 0


@dataclass(frozen=True)
class SimulatedCaptures(SimulationSettings):
    """Arguments of `facewarden simulate` in a recipe or a plan that has a seed of its own.

    Attributes:
        workers: processes.
    """

    workers: Whole = 1


@dataclass(frozen=True)
class SeededCaptures(Simulation):
    """Arguments of `facewarden simulate`.

    Attributes:
        faces: photos of people instead of procedural people; a set of `facewarden list datasets`, or a folder.
        workers: processes; 0 is every core.
    """

    faces: Text | None = None
    workers: Whole = 0
