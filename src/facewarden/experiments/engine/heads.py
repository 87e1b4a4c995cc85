"""Check of the heads that a plan names, before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from facewarden.core.roles import Detector
from facewarden.core.settings import SettingError

Place = tuple[str | int, ...]


def check_heads(models: Mapping[str, Detector], wanted: Sequence[tuple[str, Place]]) -> None:
    """Check that every model has every head; the decision, "live", is one of all of them.

    Args:
        models: name in the plan -> detector.
        wanted: heads and where the plan names them.

    Raises:
        SettingError: a model lacks one; the hint lists those that all the models have.
    """
    every = dict.fromkeys(head for model in models.values() for head in model.heads if head != "live")
    shared = ["live", *(head for head in every if all(head in model.heads for model in models.values()))]
    for head, place in wanted:
        lacking = [name for name, model in models.items() if head != "live" and head not in model.heads]
        if lacking:
            raise SettingError(
                f"{', '.join(lacking)}: no head {head!r}", hint=f"heads of all models: {', '.join(shared)}", at=place
            )


def placed(heads: Sequence[str] | None, *place: str | int) -> list[tuple[str, Place]]:
    """Heads with their places in a list of the plan."""
    return [(str(head), (*place, number)) for number, head in enumerate(heads or ())]
