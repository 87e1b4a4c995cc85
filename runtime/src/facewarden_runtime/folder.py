"""The folder of an export: its card, its decision rule, and the graph behind a check of hashes and known answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

GRAPH, CARD, RULE, FINDER = "model.onnx", "model.json", "decision.json", "face_finder.onnx"


class ExportError(ValueError):
    """A folder that cannot be used; the message ends with what to do."""


@dataclass(frozen=True)
class ExportFolder:
    """A folder as read.

    Attributes:
        path: where it is.
        card: as JSON values.
        rule: the decision rule; empty where there is none.
    """

    path: Path
    card: Mapping[str, Any]
    rule: Mapping[str, Any]

    @property
    def settings(self) -> Mapping[str, Any]:
        """Those of the card."""
        found: Mapping[str, Any] = self.card["settings"]
        return found

    @property
    def finder(self) -> Path:
        """The face finder's file, which may be absent."""
        return self.path / FINDER

    @cached_property
    def session(self) -> Any:
        """The graph, opened by onnxruntime on the CPU."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(str(self.path / GRAPH), options, providers=["CPUExecutionProvider"])

    def run(self, inputs: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        """The output for one capture, without its first axis.

        Raises:
            ExportError: it is NaN or infinite.
        """
        found: NDArray[np.float32] = np.asarray(self.session.run(None, dict(inputs))[0])[0]
        if not np.isfinite(found).all():
            raise ExportError(f"{self.path}: the model gives no finite number for this picture; leave it out")
        return found

    def check_answers(self, answer: Callable[[Mapping[str, Any]], float]) -> None:
        """Compare known answers of the card with those of the graph.

        Raises:
            ExportError: one differs.
        """
        for known in self.card.get("self_test", ()):
            value = answer(known)
            if not abs(value - known["score"]) <= known["tolerance"]:
                raise ExportError(
                    f"{self.path}: self_test fails: {known['input']} gives {value:.4g}, its card says "
                    f"{known['score']:.4g}; export it again on this machine"
                )


@contextmanager
def usable(path: Path | str) -> Iterator[None]:
    """Whatever is missing in a card, or has another type, is told as that of this folder.

    Raises:
        ExportError: instead of errors of Python.
    """
    try:
        yield
    except ExportError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise ExportError(
            f"{path}: {CARD} or {RULE} cannot be used ({type(error).__name__}: {error}); export the model again"
        ) from error


def open_folder(path: Path | str, *, role: str) -> ExportFolder:
    """Read the folder of an export.

    Args:
        path: the folder.
        role: "pad", "recognizer" or "purifier".

    Raises:
        ExportError: files are missing or not those of the card, or the model has another role.
    """
    folder = Path(path)
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        rule = json.loads((folder / RULE).read_text(encoding="utf-8")) if (folder / RULE).is_file() else {}
        digest = hashlib.sha256((folder / GRAPH).read_bytes()).hexdigest()
        stated, own = card["sha256"].get(GRAPH), card["role"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ExportError(
            f"{folder}: not an export to ONNX ({error}); facewarden export MODEL onnx --out DIR"
        ) from error
    if digest != stated:
        raise ExportError(f"{folder / GRAPH}: its sha256 is {digest}, its card says {stated}; copy the folder again")
    if own != role:
        raise ExportError(
            f"{folder}: its role is {own!r}, not {role!r}; load_detector, load_recognizer or load_purifier"
        )
    settings = card.get("settings", {})
    plain = role == "pad" or (settings.get("mean"), settings.get("std"), settings.get("range")) == ([0.0], [1.0], 1)
    if not plain or (role == "pad" and "views" not in settings):
        raise ExportError(f"{folder}: not made by facewarden export; facewarden export MODEL onnx --out DIR")
    return ExportFolder(folder, card, rule)


def noise(text: str, *, channels: int, side: int) -> NDArray[np.float32]:
    """The known picture `(1, c, side, side)` of "noise:7".

    Raises:
        ExportError: another kind of input.
    """
    kind, _, seed = text.partition(":")
    if kind != "noise":
        raise ExportError(f"self_test has no input {text!r}; export the model again")
    drawn = np.random.default_rng(int(seed)).integers(0, 256, (side, side, channels), dtype=np.uint8)
    return np.ascontiguousarray(drawn.transpose(2, 0, 1)[None], dtype=np.float32) / np.float32(255)
