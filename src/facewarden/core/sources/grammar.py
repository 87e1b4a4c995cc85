"""One grammar for what a person names: a URL, a path, FILE.py:NAME, NAME:PATH or NAME; nothing is imported."""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from facewarden.core.errors import BadInputError, UnknownEntryError
from facewarden.core.guards.bounded import parse_json
from facewarden.core.registry import list_entries, list_of, one_of

GRAMMAR = """\
How models, captures and photos are named. The first line that fits is what is meant:

  http://HOST/PATH        a detector behind an HTTP endpoint of yours
  an existing path        model: a folder that facewarden train wrote, or model.onnx, .tflite or .xml with its
                          card model.json
                          captures: a manifest (.csv, .parquet) or its folder
                          photos: a photo, or a folder; of people: one folder per person
  FILE.py:NAME            a class, function or object of your own file: a torch module or any callable with a
                          card FILE.json beside it; or a Detector, Recognizer or Purifier of facewarden
  NAME:PATH               an entry of facewarden list with the folder or file that it reads:
                          minifasnet:FOLDER, wmca:FOLDER, lfw:FOLDER
  NAME                    an entry of facewarden list: multi_cnn, mobilefacenet_512, puface, orl

Settings of a model, purifier or attack follow in braces, or one by one as --set key=value; both mean the same:

  --purifier 'jpeg{"quality": 30}'
  --purifier jpeg --set quality=30

--set key=value is for the component that the verb is about, as its help says. Another one is named before the key by
its option or, where an option takes several values, by itself:

  facewarden audit --recognizer mobilefacenet_128 --set recognizer.order=BGR
  facewarden evaluate cloaking --purifier identity jpeg --set jpeg.quality=30

Several values follow one flag, or the flag is repeated; there are no commas:

  --surrogates mobilefacenet_512 dlib_resnet34
  --surrogates mobilefacenet_512 --surrogates dlib_resnet34
"""

SourceKind = Literal["url", "path", "object", "named_path", "name"]
_LOG = logging.getLogger("facewarden")
_URL = re.compile(r"https?://", re.IGNORECASE)
_OBJECT = re.compile(r"(?P<file>.+\.py):(?P<name>[A-Za-z_]\w*)")


@dataclass(frozen=True)
class Source:
    """What a person named.

    Attributes:
        text: as typed, without settings.
        kind: "url", "path", "object" (of a Python file), "named_path" or "name".
        name: of the entry, or of the object; empty for a URL and a path.
        path: file or folder; None for a URL and a name alone.
        settings: what followed in braces.
    """

    text: str
    kind: SourceKind
    name: str = ""
    path: Path | None = None
    settings: dict[str, Any] = field(default_factory=dict)


def parse_source(text: str, *, known: Collection[str], what: str) -> Source:
    """Read what a person typed by the grammar that `facewarden help sources` prints.

    Args:
        text: as typed.
        known: names of the entries that are possible here.
        what: their registry, for messages.

    Raises:
        UnknownEntryError: neither a path nor a known name; with the nearest names.
        BadInputError: a path that is not there, or settings that are no JSON.

    Example:
        >>> parse_source('jpeg{"quality": 30}', known=["jpeg"], what="purifiers").settings
        {'quality': 30}
        >>> parse_source("mine.py:Filter", known=["jpeg"], what="purifiers").kind
        'object'
    """
    head, settings = split_settings(text)
    if _URL.match(head):
        return Source(head, "url", settings=settings)
    if is_there(head):
        if head in known:
            _LOG.warning("%s: this path is used, not the %s of the same name", head, one_of(what))
        return Source(head, "path", path=Path(head), settings=settings)
    found = _OBJECT.fullmatch(head)
    if found is not None:
        return Source(head, "object", found["name"], Path(found["file"]).expanduser(), settings)
    name, colon, rest = head.partition(":")
    if name in known:
        if colon and not rest:
            raise BadInputError(f"{head}: no path after the colon", hint=f"{name}:PATH")
        return Source(head, "named_path" if colon else "name", name, Path(rest) if colon else None, settings)
    raise _unknown(head, known, what)


def split_settings(text: str) -> tuple[str, dict[str, Any]]:
    """Split `NAME{"setting": value}` into the name and its settings.

    Raises:
        BadInputError: what is in the braces is no JSON object.
    """
    head, brace, rest = text.partition("{")
    if not brace or is_there(text) or is_there(text.partition(":")[2]):  # the name of a folder may hold a brace
        return text, {}
    try:
        return head, dict(parse_json(brace + rest, what=head))
    except (ValueError, TypeError) as error:
        raise BadInputError(
            f"{text[:80]!r}: settings are no JSON: {str(error)[:80]}", hint='jpeg{"quality": 30}'
        ) from None


def is_there(path: str) -> bool:
    """Whether a path exists; False for what cannot be one."""
    try:
        return bool(path) and Path(path).exists()
    except (OSError, ValueError):  # longer than any name, or with a NUL
        return False


def check_source(group: str, text: str) -> None:
    """Refuse a name or path that leads nowhere, without importing what it names.

    Args:
        group: registry of the entries that are possible, "pad".
        text: as typed.

    Raises:
        UnknownEntryError, BadInputError: with the next thing to type.
    """
    source = parse_source(text, known=[entry.name for entry in list_entries(group)], what=group)
    if source.path is None or _URL.match(source.text.partition(":")[2]):  # NAME:URL
        return
    if not is_there(str(source.path.expanduser())):
        raise BadInputError(f"{source.path}: no such file or folder", hint="facewarden help sources")


def _unknown(text: str, known: Collection[str], what: str) -> BadInputError | UnknownEntryError:
    name, colon, _ = text.partition(":")
    close = difflib.get_close_matches(name.lower(), list(known), n=3, cutoff=0.6 if colon else 0.5)
    like_a_path = "/" in text or "\\" in text or text.startswith(".") or Path(text).suffix
    if like_a_path and not (colon and close):
        return BadInputError(f"{text}: no such file or folder", hint="facewarden help sources")
    guess = f"; did you mean {' or '.join(close)}?" if close else f"; known: {', '.join(sorted(known))}"
    return UnknownEntryError(
        f"no {one_of(what)} {name!r}{guess}", hint=f"facewarden list {list_of(what)}, or give a path"
    )
