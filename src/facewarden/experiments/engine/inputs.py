"""What a plan reads from outside by a name, as hashes of the content; see `PlanKind.inputs`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from facewarden.core.errors import FacewardenError
from facewarden.core.identity.inputs import hash_of
from facewarden.data.captures import open_captures
from facewarden.data.content import captures_hash, photos_hash
from facewarden.data.datasets import open_dataset


def captures_inputs(sources: Iterable[str]) -> dict[str, str]:
    """Every set of captures by its source, with all that its manifest and its images hold."""
    return _hashes({f"captures {source}": source for source in sources}, lambda one: captures_hash(open_captures(one)))


def photos_inputs(sources: Iterable[str]) -> dict[str, str]:
    """Every set of photos by its source."""
    named = {f"faces {source}": source for source in sources}
    return _hashes(named, lambda one: photos_hash(open_dataset(one).photos()))


def model_inputs(models: Mapping[str, str], resolve: Callable[[str], Any]) -> dict[str, str]:
    """Every model by the name that the plan gives it, with its files and what its card sets."""
    named = {f"model {name}": spec for name, spec in models.items()}
    return _hashes(named, lambda spec: hash_of(resolve(spec).card.identity()))


def _hashes(named: Mapping[str, str], content: Callable[[str], str]) -> dict[str, str]:
    found = {}
    for name, source in named.items():
        with suppress(FacewardenError):  # whoever needs it says what is wrong with it
            found[name] = content(source)
    return found
