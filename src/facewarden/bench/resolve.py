"""From what a person types to a model: a registry name, `name:PATH`, an artifact folder or an ONNX file."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any, cast

from facewarden.core.artifact import CARD, RECIPE, refuse_pickle
from facewarden.core.errors import BadInputError, UnknownEntryError
from facewarden.core.registry import list_entries, load
from facewarden.core.roles import Aligner, Detector, Purifier, Recognizer


def resolve_aligner(name: str) -> Aligner:
    """Build an aligner that finds faces by itself.

    Raises:
        UnknownEntryError: there is none of this name.
        BadInputError: it must be told where the faces are.
    """
    build = load("align", name)
    arguments = inspect.signature(build).parameters.values()
    if any(one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD) for one in arguments):
        raise BadInputError(
            f"the aligner {name!r} must be told the landmarks of every photo, which a folder does not hold",
            hint="--aligner yunet, or precropped for aligned square crops",
        )
    return cast(Aligner, build())


def resolve_detector(spec: str) -> Detector:
    """Build a presentation attack detector.

    Args:
        spec: `multi_cnn`, `minifasnet:FOLDER`, an artifact folder as `facewarden train` writes it, or `model.onnx`
            with its card `model.json` beside it.

    Raises:
        BadInputError, UnknownEntryError, MissingAssetError: with the next thing to type.
    """
    return cast(Detector, _resolve("pad", spec, role=Detector).eval())


def resolve_recognizer(spec: str) -> Recognizer:
    """Build a face recognizer from a registry name, `name:PATH` or an ONNX file with its card."""
    return cast(Recognizer, _resolve("recognizers", spec, role=Recognizer).eval())


def resolve_purifier(spec: str) -> Purifier:
    """Build a purifier.

    Args:
        spec: a registry name, `name:PATH` for one with weights, or a folder that `facewarden train` wrote; the first
            two may be followed by settings as JSON: `jpeg{"quality": 30}`, `puface{"precision": "bfloat16"}`.

    Raises:
        BadInputError, UnknownEntryError, MissingAssetError: with the next thing to type.
    """
    where, settings = parsed(spec)
    if not settings:
        return cast(Purifier, _resolve("purifiers", where, role=Purifier))
    name, _, argument = where.partition(":")
    make = load("purifiers", name)
    try:
        made: Purifier = make(*((Path(argument),) if argument else ()), **settings)
    except TypeError as error:
        takes = ", ".join(name for name in inspect.signature(make).parameters if name != "self")
        raise BadInputError(f"purifier {spec!r}: {error}", hint=f"{name} takes {takes or 'no settings'}") from None
    return made


def parsed(spec: str) -> tuple[str, dict[str, Any] | None]:
    """Split `NAME{"setting": value}` into the name and its settings; None where there is no brace.

    Raises:
        BadInputError: what is in the braces is no JSON.
    """
    name, brace, rest = spec.partition("{")
    if not brace:
        return spec, None
    try:
        settings = json.loads(brace + rest)
    except ValueError as error:
        raise BadInputError(f"{spec!r}: settings are no JSON: {error}", hint='jpeg{"quality": 30}') from None
    return name, dict(settings)


def _resolve(group: str, spec: str, *, role: type) -> Any:
    names = {entry.name for entry in list_entries(group)}
    name, _, argument = spec.partition(":")
    path = Path(spec)
    if name in names:
        model = _built(group, name, argument)
    elif path.suffix.lower() == ".onnx" and "onnx_file" in names:
        model = load(group, "onnx_file")(path)
    elif path.is_dir():
        model = _from_artifact(group, path)
    elif path.exists():
        refuse_pickle(path)
        raise BadInputError(f"{path}: neither an artifact folder nor an .onnx file", hint=f"facewarden list {group}")
    else:
        _unknown(group, spec)
    if not isinstance(model, role):
        raise BadInputError(f"{spec!r} is not a {role.__name__}", hint=f"facewarden list {group}")
    return model


def _built(group: str, name: str, argument: str) -> Any:
    """Make a registered entry, with a path where one is given.

    Raises:
        BadInputError: a path for what takes none, or none for what needs one.
    """
    make = load(group, name)
    given = (Path(argument),) if argument else ()
    try:
        inspect.signature(make).bind(*given)
    except TypeError:
        form, what = (name, "takes no path") if given else (f"{name}:PATH", "needs a path")
        raise BadInputError(f"{name} {what}", hint=f"write {form}") from None
    return make(*given)


def _from_artifact(group: str, folder: Path) -> Any:
    try:
        recipe = json.loads((folder / RECIPE).read_text(encoding="utf-8"))
        name = recipe["entry"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        for path in sorted(folder.iterdir()):
            refuse_pickle(path)
        raise BadInputError(
            f"{folder}: not a model folder ({RECIPE} with an `entry` and {CARD} are needed)",
            hint="facewarden train writes such folders",
        ) from error
    made = load(group, name)
    return getattr(made, "from_artifact", made)(folder)


def _unknown(group: str, spec: str) -> None:
    """Raise the registry's own did-you-mean error, or a file error for what looks like a path."""
    if "/" in spec or "\\" in spec or spec.startswith("."):
        raise BadInputError(f"{spec}: no such file or folder", hint=f"facewarden list {group}")
    try:
        load(group, spec.partition(":")[0])
    except UnknownEntryError as error:
        raise UnknownEntryError(error.message, hint=f"{error.hint}, or give a path") from None
