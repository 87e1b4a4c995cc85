"""From what a person types to a model, by the grammar of `facewarden help sources`."""

from __future__ import annotations

import inspect
import os
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch

from facewarden.core.artifact import CARD, RECIPE, refuse_pickle, sha256
from facewarden.core.compute.computing import Placement, placement
from facewarden.core.compute.device import resolve_device
from facewarden.core.compute.precision import Precision, check_precision
from facewarden.core.errors import BadInputError
from facewarden.core.guards.bounded import read_json_bounded
from facewarden.core.identity.given import PathLike, own_model
from facewarden.core.registry import list_entries, list_of, load
from facewarden.core.roles import Aligner, Detector, Purifier, Recognizer
from facewarden.core.settings import check_arguments
from facewarden.core.sources.grammar import Source, parse_source, split_settings
from facewarden.core.sources.user_file import load_object

DetectorLike = PathLike | Detector
RecognizerLike = PathLike | Recognizer
PurifierLike = PathLike | Purifier


_FILES = {".onnx": "onnx_file", ".xml": "openvino_file", ".tflite": "tflite_file"}
_KINDS = {".onnx": "an ONNX file", ".xml": "an OpenVINO file", ".tflite": "a TFLite file"}
"""Suffix of a model in one file -> the entry that opens it."""

_ROLES = {"pad": "pad", "recognizers": "recognizer", "purifiers": "purifier"}


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


def resolve_detector(
    spec: DetectorLike, *, device: str | torch.device | None = None, precision: str | None = None
) -> Detector:
    """Build a presentation attack detector, or take the caller's own.

    Args:
        spec: `multi_cnn`, `minifasnet:FOLDER`, an artifact folder as `facewarden train` writes it, `model.onnx` with
            its card `model.json` beside it, `FILE.py:NAME` or a URL; settings may follow as JSON in braces. What comes
            from a file or a URL is probed. Or a detector, which is set to evaluation mode.
        device: where it is placed, as in `facewarden.core.compute.device.resolve_device`; None for that of the call,
            see `facewarden.core.compute.computing`.
        precision: in which its network computes; None for that of the call, else what its own settings say.

    Raises:
        BadInputError, UnknownEntryError, MissingAssetError: with the next thing to type.
    """
    where = _asked(device, precision)
    if isinstance(spec, Detector):
        model = own_model(spec, role="pad")
    else:
        model = cast(Detector, _resolve("pad", _text(spec, Detector), role=Detector))
        probe_service = getattr(model, "probe_service", None)  # of a detector that only answers when it is asked
        if probe_service is not None:
            probe_service()
    _ask(model, where.precision)
    return model.eval().to(where.device)


def resolve_recognizer(
    spec: RecognizerLike, *, device: str | torch.device | None = None, precision: str | None = None
) -> Recognizer:
    """Build a face recognizer, or take the caller's own.

    Args:
        spec: a registry name, `name:PATH`, an ONNX file with its card, or `FILE.py:NAME`. Or a recognizer.
        device, precision: as in `resolve_detector`.

    Raises:
        BadInputError, UnknownEntryError, MissingAssetError: with the next thing to type.
    """
    where = _asked(device, precision)
    if isinstance(spec, Recognizer):
        model = own_model(spec, role="recognizer")
    else:
        model = cast(Recognizer, _resolve("recognizers", _text(spec, Recognizer), role=Recognizer))
    _ask(model, where.precision)
    return model.eval().to(where.device)


def resolve_purifier(
    spec: PurifierLike, *, device: str | torch.device | None = None, precision: str | None = None
) -> Purifier:
    """Build a purifier.

    Args:
        spec: a registry name, `name:PATH` for one with weights, or a folder that `facewarden train` wrote; settings may
            follow as JSON: `jpeg{"quality": 30}`, `puface{"precision": "bfloat16"}`. Or a purifier.
        device, precision: as in `resolve_detector`; the precision replaces that of its settings.

    Raises:
        BadInputError, UnknownEntryError, MissingAssetError: with the next thing to type.
    """
    where = _asked(device, precision)
    if isinstance(spec, Purifier):
        model = own_model(spec, role="purifier")
    else:
        model = cast(Purifier, _resolve("purifiers", _text(spec, Purifier), role=Purifier))
    _ask(model, where.precision)
    return model.to(where.device)


def _asked(device: str | torch.device | None, precision: str | None) -> Placement:
    """What one model is asked for, else the call."""
    call = placement()
    home = resolve_device(call.device if device is None else device)
    return Placement(home, call.precision if precision is None else check_precision(precision))


def _ask(model: Detector | Recognizer | Purifier, precision: Precision | None) -> None:
    """Let a model compute in a precision; its card tells one that is not its own, since the card decides ids."""
    if precision is None:  # what it was loaded with stays
        return
    model.asked_precision = precision
    if precision != model.own_precision:
        model.card = replace(model.card, settings={**model.card.settings, "precision": precision})


def _text(spec: object, role: type) -> str:
    if not isinstance(spec, str | os.PathLike):
        what = f"the class {spec.__name__}" if isinstance(spec, type) else f"an object of type {type(spec).__name__}"
        raise BadInputError(
            f"{what} is not a {role.__name__}",
            hint=f"a name, a path, or an object of a subclass of facewarden.core.roles.{role.__name__}",
        )
    return os.fspath(spec)


def parsed(spec: str) -> tuple[str, dict[str, Any] | None]:
    """Split `NAME{"setting": value}` into the name and its settings; None where there are none.

    Raises:
        BadInputError: what is in the braces is no JSON.
    """
    name, settings = split_settings(spec)
    return name, settings if name != spec else None


def _resolve(group: str, spec: str, *, role: type) -> Any:
    names = {entry.name for entry in list_entries(group)}
    source = parse_source(spec, known=names, what=group)
    if source.kind == "url":
        model = _at_url(group, source)
    elif source.kind == "object":
        model = _of_file(group, source, role)
    elif source.kind == "path":
        model = _at_path(group, cast(Path, source.path), source.settings, names)
    else:
        model = _built(group, source.name, source.text.partition(":")[2], source.settings)
    if not isinstance(model, role):
        raise BadInputError(f"{spec!r} is not a {role.__name__}", hint=f"facewarden list {list_of(group)}")
    return model


def _of_file(group: str, source: Source, role: type) -> Any:
    """A model of a Python file; its card holds the hashes of the file, of the weights that it made, and of answers."""
    file = cast(Path, source.path)
    entry = load(group, "python_file")
    model = load_object(file, source.name, role=role, settings=source.settings)
    remarks: tuple[str, ...] = ()
    answers: dict[str, str] = {}
    if isinstance(model, role):
        remarks, answers = entry.probe_role(model, source=source.text)
    else:
        model = entry(model, file=file, name=source.name)
    own = own_model(model, role=_ROLES[group])
    hashes = {**own.card.sha256, **answers, file.name: sha256(file)}
    own.card = replace(own.card, sha256=hashes, remarks=(*own.card.remarks, *remarks))
    return own


def _at_url(group: str, source: Source) -> Any:
    if group != "pad":
        raise BadInputError(f"{source.text}: only detectors are reached by a URL", hint="facewarden help sources")
    if source.settings:
        raise BadInputError(
            f"{source.text}: a URL takes no settings", hint="http_detector:FILE.json with the URL and its settings"
        )
    return load("pad", "http_detector")(Path(source.text))


def _at_path(group: str, path: Path, settings: Mapping[str, Any], names: Collection[str]) -> Any:
    form = _FILES.get(path.suffix.lower())
    if form in names:
        if settings:
            raise BadInputError(
                f"{path}: {_KINDS[path.suffix.lower()]} takes no settings", hint=f"its card {path.stem}.json"
            )
        return _opener(load(group, str(form)))(path)
    if path.is_dir():
        if settings:
            return _built(group, _entry_of(group, path), str(path), settings)
        return _from_artifact(group, path)
    refuse_pickle(path)
    if path.suffix == ".py":
        raise BadInputError(f"{path}: what of this file?", hint=f"{path}:NAME, see facewarden help sources")
    raise BadInputError(
        f"{path}: neither an artifact folder nor an .onnx, .tflite or .xml file",
        hint=f"facewarden list {list_of(group)}",
    )


def _built(group: str, name: str, argument: str, settings: Mapping[str, Any] | None = None) -> Any:
    """Make a registered entry, with a path and settings where they are given.

    Raises:
        BadInputError: a path for what takes none, none for what needs one, or settings that it does not take.
    """
    make = _opener(load(group, name))
    given = (Path(argument),) if argument else ()
    known = check_arguments(make, settings, source=name) if settings else {}
    try:
        inspect.signature(make).bind(*given, **known)
    except TypeError:
        form, what = (name, "takes no path") if given else (f"{name}:PATH", "needs a path")
        raise BadInputError(f"{name} {what}", hint=f"write {form}") from None
    return make(*given, **known)


def _opener(entry: Any) -> Any:
    """What makes a model of an entry: its `open`, where what is in the file decides the class, else itself."""
    return getattr(entry, "open", entry)


def _from_artifact(group: str, folder: Path) -> Any:
    made = load(group, _entry_of(group, folder))
    return getattr(made, "from_artifact", made)(folder)


def _entry_of(group: str, folder: Path) -> str:
    """The entry that a trained folder is of.

    Raises:
        BadInputError: it is no such folder.
    """
    try:
        recipe = read_json_bounded(folder / RECIPE)
        return str(recipe["entry"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        for path in sorted(folder.iterdir()):
            refuse_pickle(path)
        raise BadInputError(
            f"{folder}: not a model folder ({RECIPE} with an `entry` and {CARD} are needed)",
            hint="facewarden train writes such folders",
        ) from error
