"""A model of another maker as its role takes it: network, settings, card, folder; from a file or a callable."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from torch import Tensor

from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.identity.own_hash import with_file_hashes
from facewarden.core.roles import Detector, Purifier, Recognizer
from facewarden.nn.foreign.file_card import card_beside
from facewarden.nn.foreign.network import CallableNetwork, FileNetwork, ForeignNetwork
from facewarden.nn.foreign.open_graph import open_graph
from facewarden.nn.foreign.probe import answers_hash, keep
from facewarden.nn.foreign.python_card import NEEDED, UserCallable, python_card
from facewarden.nn.foreign.settings import InputSettings, read_card

S = TypeVar("S", bound=InputSettings)
_ROLES: Mapping[str, type] = {"pad": Detector, "recognizer": Recognizer, "purifier": Purifier}


@dataclass(frozen=True)
class ForeignModel(Generic[S]):
    """What a card and a file, or a card and a callable, give together.

    Attributes:
        network: from a file or a callable.
        settings: of its card.
        card: of the model, with the hash of its file.
        folder: in which the pictures of the card's `self_test` are.
        remarks: what was noticed so far.
    """

    network: ForeignNetwork
    settings: S
    card: Card
    folder: Path
    remarks: tuple[str, ...] = ()

    def probed(self, remarks: Iterable[str], values: Tensor) -> Card:
        """The card after a probe, with what was noticed and, where the file is not all of the model, a hash of answers.

        Args:
            remarks: of the probe.
            values: `(n, ...)` answers to it.
        """
        answered = answers_hash(values) if self.network.opaque else {}
        told = tuple(keep([*self.remarks, *remarks]))
        return replace(self.card, remarks=told, sha256={**self.card.sha256, **answered})


def file_model(path: Path, kind: type[S], *, role: str, card: Card | None = None) -> ForeignModel[S]:
    """Read a network in a file (.onnx, .tflite, .xml) and its card.

    Args:
        path: the file.
        kind: settings of the role.
        role: "pad", "recognizer" or "purifier".
        card: default is the card file `NAME.json` beside it.

    Raises:
        BadInputError: what runs it is not installed, a file is missing or of another kind, or the card does not fit.
    """
    own, source = with_file_hashes(card_beside(path) if card is None else card, path), str(path.with_suffix(".json"))
    settings = read_card(kind, own, role=role, source=source)
    assumed = _assumed(own, settings, role=role, source=source)
    return ForeignModel(FileNetwork(open_graph(path), settings), settings, own, path.parent, assumed)


def python_model(
    model: Path | Callable[[Tensor], Any], kind: type[S], *, role: str, file: Path | None, name: str
) -> ForeignModel[S]:
    """Take a callable, or import the one that FILE.py:NAME names, and read its card.

    Args:
        model: FILE.py:NAME as a path, or the callable itself.
        kind: settings of the role.
        role: "pad", "recognizer" or "purifier".
        file: where a callable comes from; by default the file that defines it.
        name: of the callable in that file.

    Raises:
        BadInputError: no file of a callable can be found, or its card lacks a word.
    """
    if isinstance(model, Path):
        given = UserCallable.load(model, role=_ROLES[role])
    else:
        given = UserCallable(model, _file_of(model) if file is None else file, name or type(model).__name__)
    card, source = python_card(given, kind, role=role)
    settings = read_card(kind, card, role=role, source=source, needed=NEEDED[role])
    network = CallableNetwork(given.model, settings, source=given.text)
    return ForeignModel(network, settings, card, given.file.parent, network.remarks)


def _assumed(card: Card, settings: InputSettings, *, role: str, source: str) -> tuple[str, ...]:
    """A sentence on words that a card does not say and on which every answer hangs; none where answers are known.

    The size is read from the file.
    """
    absent = [word for word in NEEDED[role] if word not in card.settings and word != "size"]
    if not absent or card.self_test:
        return ()
    taken = ", ".join(f"{word} {_in_words(getattr(settings, word))}" for word in absent)
    return (
        f"{source}: does not say {', '.join(absent)}; taken: {taken}. Wrong ones give wrong scores without an error",
    )


def _in_words(value: object) -> str:
    if value is None:
        return "none"
    return " ".join(f"{one:g}" for one in value) if isinstance(value, tuple) else str(value)


def _file_of(model: object) -> Path:
    """The file that defines a callable: its hash says which one it is."""
    try:
        found = inspect.getsourcefile(model if inspect.isroutine(model) else type(model))
    except TypeError:  # built in, or typed at a prompt
        found = None
    if found is None:
        raise BadInputError(f"{type(model).__name__}: no file defines it", hint="file=Path('my.py'), or FILE.py:NAME")
    return Path(found)
