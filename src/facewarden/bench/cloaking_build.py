"""From a plan's words to models of the cloaking experiment: entries with settings, and recognizers made robust."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from facewarden.bench.cloaking_rivals import Adapted, AdaptiveTraining
from facewarden.bench.cloaking_store import Store
from facewarden.bench.resolve import resolve_purifier, resolve_recognizer
from facewarden.core.errors import BadInputError
from facewarden.core.registry import load
from facewarden.core.roles import Purifier, Recognizer

_ADAPTED = "adapted"


def build_purifier(spec: str) -> Purifier:
    """Build a purifier.

    Args:
        spec: as everywhere, `jpeg` or `puface:FOLDER`, or an entry with settings as JSON: `jpeg{"quality": 30}`.

    Raises:
        BadInputError, UnknownEntryError: there is none like that.
    """
    name, settings = _parsed(spec)
    if settings is None:
        return resolve_purifier(name)
    try:
        made: Purifier = load("purifiers", name)(**settings)
    except TypeError as error:
        raise BadInputError(f"purifier {spec!r}: {error}", hint=f"the arguments of purifiers/{name}.py") from None
    return made


def build_recognizer(spec: str, *, store: Store) -> Recognizer:
    """Build a judge.

    Args:
        spec: as everywhere, or `adapted{"base": NAME, "pairs": FOLDER}`: a recognizer whose upper half the tracker has
            trained on cloaks of its own, made by `facewarden pairs`; further settings are those of `AdaptiveTraining`.
        store: keeps what was trained.

    Raises:
        BadInputError, UnknownEntryError: there is none like that.
    """
    name, settings = _parsed(spec)
    if settings is None:
        return resolve_recognizer(name)
    if name != _ADAPTED or not {"base", "pairs"} <= set(settings):
        raise BadInputError(f"judge {spec!r}", hint='adapted{"base": "mobilefacenet_512", "pairs": "FOLDER"}')
    rest = {key: value for key, value in settings.items() if key not in ("base", "pairs")}
    try:
        how = AdaptiveTraining(**rest)
    except TypeError as error:
        raise BadInputError(f"judge {spec!r}: {error}", hint="photos, epochs, batch, rate, seed") from None
    return Adapted.learned(resolve_recognizer(settings["base"]), Path(settings["pairs"]), how=how, store=store)


def _parsed(spec: str) -> tuple[str, dict[str, Any] | None]:
    name, brace, rest = spec.partition("{")
    if not brace:
        return spec, None
    try:
        settings = json.loads(brace + rest)
    except ValueError as error:
        raise BadInputError(f"{spec!r}: settings are no JSON: {error}", hint='jpeg{"quality": 30}') from None
    return name, dict(settings)
