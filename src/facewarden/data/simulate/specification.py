"""What to simulate: one class of settings for Python, the command line, recipes, plans and audits."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated, Literal

from annotated_types import Ge, Le

from facewarden.core.errors import BadInputError
from facewarden.core.labels import SPECIES_BY_VERSION
from facewarden.core.settings import Count, OneOf, SettingError, Text, Whole, check_fields
from facewarden.core.settings.problems import path_text
from facewarden.data.simulate.sensor.domains import Domain
from facewarden.data.simulate.sensor.site import Site
from facewarden.data.simulate.sensor.sites import named_sites

FRAMING = 0.4
"""Width of the face box as a share of the frame's width in version 1, where nothing else is said."""


@dataclass(frozen=True)
class SimulationSettings:
    """Everything but the seed and the people's photos that decides simulated captures.

    Recipes and plans that have a seed of their own hold these; `seeded` makes a `Simulation` of them.

    Attributes:
        version: of the simulator; published numbers are reproduced by theirs.
        subjects: how many people in all; each is captured at one site.
        captures_per_subject: of each; in version 1 half of them (rounded up) are bona fide, from version 2 on a share
            that is the site's own.
        domains: sites of the version; empty for all of them. `sealed_0123abcd` names those of a seed from version 2 on.
        species: attack species of the version; empty for each site's own.
        size: width and height of the frames in pixels.
        framing: width of the face box as a share of the frame's width; null is 0.4 in version 1 and each site's
            own from version 2 on.
        maps: also write exact depth and reflection, from version 2 on also the measured millimeters.

    Raises:
        SettingError: a setting that no set can be made of.
    """

    version: Literal[1, 2, 3] = 1
    subjects: Count = 24
    captures_per_subject: Count = 8
    domains: tuple[Text, ...] = ()
    species: tuple[Annotated[str, OneOf(SPECIES_BY_VERSION[2])], ...] = ()
    size: Annotated[int, Ge(64), Le(2048)] = 224
    framing: Annotated[float, Ge(0.15), Le(0.75)] | None = None
    maps: bool = False

    def __post_init__(self) -> None:
        check_fields(self, source="simulation")
        for place, name in enumerate(self.domains):
            try:
                named_sites((name,), version=self.version)
            except BadInputError as error:
                message = f"{path_text(('domains', place))} is {name!r}: {error.message}"
                raise SettingError(message, hint=error.hint, at=("domains", place)) from error
        for place, name in enumerate(self.species):
            if name not in (known := SPECIES_BY_VERSION[self.version]):
                message = f"{path_text(('species', place))} is {name!r}, which version {self.version} does not render"
                raise SettingError(message, hint=f"one of {', '.join(known)}", at=("species", place))

    @property
    def sites(self) -> tuple[Domain, ...]:
        """The sites, all of the version where none is named."""
        return named_sites(self.domains, version=self.version)

    def framing_at(self, site: Domain) -> float:
        """Width of the face box at a site as a share of the frame's width."""
        if self.framing is not None:
            return self.framing
        return site.framing if isinstance(site, Site) else FRAMING

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
