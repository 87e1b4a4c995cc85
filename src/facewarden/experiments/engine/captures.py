"""Captures that a plan simulates: the arguments of the simulator, as settings of a plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge

from facewarden.core.labels import SPECIES
from facewarden.core.settings import Count, Positive, Text, Whole
from facewarden.data.simulate.sensor.domains import DOMAINS
from facewarden.experiments.engine.plan_settings import OneOf


@dataclass(frozen=True)
class SimulatedCaptures:
    """Arguments of `facewarden simulate` in a plan that has a seed of its own.

    Attributes:
        subjects: how many people.
        captures_per_subject: of each, half of them bona fide.
        domains: sites; empty for all of them.
        species: attack species; empty for each site's own.
        size: side of the frames in pixels.
        framing: width of the face box as a share of the frame's width.
        workers: processes.
        maps: also write exact depth and reflection.
    """

    subjects: Count = 24
    captures_per_subject: Count = 8
    domains: tuple[Annotated[str, OneOf(tuple(DOMAINS))], ...] = ()
    species: tuple[Annotated[str, OneOf(SPECIES)], ...] = ()
    size: Annotated[int, Ge(1)] = 224
    framing: Positive = 0.4
    workers: Whole = 1
    maps: bool = False


@dataclass(frozen=True)
class SeededCaptures(SimulatedCaptures):
    """Arguments of `facewarden simulate`.

    Attributes:
        seed: decides everything.
        faces: photos of people instead of procedural people; a set of `facewarden list datasets`, or a folder.
        workers: processes; 0 is every core.
    """

    seed: Whole = 0
    faces: Text | None = None
    workers: Whole = 0
