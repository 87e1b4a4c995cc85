"""Load a model by name or path, to call it directly or to hand it to the other functions."""

from __future__ import annotations

from facewarden.core.compute.precision import Precision
from facewarden.core.resolve import (
    DetectorLike,
    PurifierLike,
    RecognizerLike,
    resolve_detector,
    resolve_purifier,
    resolve_recognizer,
)
from facewarden.core.roles import Detector, Purifier, Recognizer


def load_detector(spec: DetectorLike, /, *, device: str = "cpu", precision: Precision | None = None) -> Detector:
    """Load a presentation attack detector, ready to score.

    Args:
        spec: registry name, `name:PATH`, a folder that `facewarden train` wrote, or `model.onnx` with its card; a
            detector comes back as it is, in evaluation mode.
        device: where its network is placed: auto (a GPU where there is one), cpu, cuda, cuda:1 or mps.
        precision: what it computes in: auto, float32, bfloat16 or float16; None for what its own settings say.

    Returns:
        The detector: `FaceBatch` in, `PadOutput` out, whose `score` is a logit, higher = more bona fide.

    Raises:
        BadInputError, UnknownEntryError, MissingAssetError: with the next thing to type.

    Example:
        >>> load_detector("multi_cnn").card.name
        'multi_cnn'
    """
    return resolve_detector(spec, device=device, precision=precision)


def load_recognizer(spec: RecognizerLike, /, *, device: str = "cpu", precision: Precision | None = None) -> Recognizer:
    """Load a face recognizer, ready to embed.

    Args:
        spec: registry name, `name:PATH` or an ONNX file with its card; a recognizer is taken as it is, in evaluation
            mode.
        device, precision: as for a detector.

    Returns:
        The recognizer: `embed` takes aligned crops `(b, 3, 112, 112)` in [0, 1] and gives unit vectors `(b, dim)`.

    Raises:
        BadInputError, UnknownEntryError, MissingAssetError: with the next thing to type.
    """
    return resolve_recognizer(spec, device=device, precision=precision)


def load_purifier(spec: PurifierLike, /, *, device: str = "cpu", precision: Precision | None = None) -> Purifier:
    """Load a purifier, ready to be called.

    Args:
        spec: registry name, `name:PATH`, a folder that `facewarden train` wrote, or one of these with settings as JSON:
            `jpeg{"quality": 30}`; a purifier is taken as it is.
        device, precision: as for a detector; the precision replaces that of its settings.

    Returns:
        The purifier: RGB images `(b, 3, h, w)` in [0, 1] in, images of the same shape out.

    Raises:
        BadInputError, UnknownEntryError, MissingAssetError: with the next thing to type.

    Example:
        >>> load_purifier('jpeg{"quality": 30}').card.settings
        {'quality': 30}
    """
    return resolve_purifier(spec, device=device, precision=precision)
