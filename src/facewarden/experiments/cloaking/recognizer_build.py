"""Builds the evaluation recognizers that a plan names: recognizers, and adversarially trained ones."""

from __future__ import annotations

from pathlib import Path

from facewarden.core.errors import BadInputError
from facewarden.core.resolve import parsed, resolve_recognizer
from facewarden.core.roles import Recognizer
from facewarden.experiments.cloaking.adversarial_recognizer import AdaptiveTraining, AdversarialRecognizer
from facewarden.experiments.cloaking.array_store import Store

_ADAPTED = "adapted"


def build_recognizer(spec: str, *, store: Store) -> Recognizer:
    """Build an evaluation recognizer.

    Args:
        spec: as everywhere, or `adapted{"base": NAME, "pairs": FOLDER}`: a recognizer whose upper half the tracker has
            trained on cloaks of its own, made by `facewarden cloak-pairs`; further settings are those of
            `AdaptiveTraining`.
        store: keeps what was trained.

    Raises:
        BadInputError, UnknownEntryError: there is none like that.
    """
    name, settings = parsed(spec)
    if settings is None:
        return resolve_recognizer(name)
    if name != _ADAPTED or not {"base", "pairs"} <= set(settings):
        raise BadInputError(
            f"not an adapted recognizer: {spec!r}", hint='adapted{"base": "mobilefacenet_512", "pairs": "FOLDER"}'
        )
    rest = {key: value for key, value in settings.items() if key not in ("base", "pairs")}
    try:
        how = AdaptiveTraining(**rest)
    except TypeError as error:
        raise BadInputError(f"adapted recognizer {spec!r}: {error}", hint="photos, epochs, batch, rate, seed") from None
    return AdversarialRecognizer.learned(
        resolve_recognizer(settings["base"]), Path(settings["pairs"]), how=how, store=store
    )
