"""How much an audit measures: the sizes of its experiments by preset name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from facewarden.core.errors import BadInputError
from facewarden.data.simulate import SimulationSettings


@dataclass(frozen=True)
class Preset:
    """Sizes of an audit.

    Attributes:
        captures: what is simulated where no captures are given; about a third of the people only set the threshold.
        attacked_per_class: captures under attack, bona fide and attack presentations each.
        budgets: L∞ budgets in gray levels.
        pgd_steps: gradient steps of PGD, and of each restart of APGD.
        people, photos_per_person, cloaking_people, cloak_steps: sizes of the poisoning experiment.
        rounds: bootstrap resamples.
        apgd_restarts: of APGD, on the first sensor and on all of them.
        apgd: its budgets in gray levels; None for all of `budgets`.
        queries: of the attackers on the ladder who see scores alone, rising.
        auto_binary: budgets of `auto_binary` in gray levels, in the same places; none where it would take too long.
    """

    captures: SimulationSettings
    attacked_per_class: int
    budgets: tuple[int, ...]
    pgd_steps: int
    people: int
    photos_per_person: int
    cloaking_people: int
    cloak_steps: int
    rounds: int
    apgd_restarts: int = 2
    apgd: tuple[int, ...] | None = (8,)
    queries: tuple[int, ...] = (100, 1000)
    auto_binary: tuple[int, ...] = ()


def _people(count: int, *, captures: int) -> SimulationSettings:
    return SimulationSettings(subjects=count, captures_per_subject=captures)


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "quick": Preset(
            captures=_people(30, captures=8),
            attacked_per_class=12,
            budgets=(2, 8),
            pgd_steps=5,
            people=14,
            photos_per_person=6,
            cloaking_people=12,
            cloak_steps=6,
            rounds=200,
        ),
        "standard": Preset(
            captures=_people(48, captures=16),
            attacked_per_class=32,
            budgets=(1, 2, 4, 8),
            pgd_steps=10,
            people=40,
            photos_per_person=8,
            cloaking_people=16,
            cloak_steps=10,
            rounds=1000,
        ),
        "thorough": Preset(
            captures=_people(160, captures=24),
            attacked_per_class=128,
            budgets=(1, 2, 4, 8, 16),
            pgd_steps=20,
            people=120,
            photos_per_person=12,
            cloaking_people=40,
            cloak_steps=20,
            rounds=2000,
            apgd_restarts=3,
            apgd=None,
            auto_binary=(2, 8),
        ),
    }
)


def preset_named(name: str) -> Preset:
    """A preset by name.

    Raises:
        BadInputError: there is none.
    """
    if name not in PRESETS:
        raise BadInputError(f"no preset {name!r}", hint=f"use one of {', '.join(PRESETS)}")
    return PRESETS[name]
