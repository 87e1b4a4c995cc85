"""Run models that facewarden exported, without torch: find a face, align, score, decide, purify, embed.

Importing the package imports numpy alone; onnxruntime and OpenCV are imported when they are first used.
"""

from __future__ import annotations

from facewarden_runtime.align import align_face
from facewarden_runtime.detector import Decision, Detector, load_detector
from facewarden_runtime.faces import Face, FaceFinder
from facewarden_runtime.folder import ExportError
from facewarden_runtime.photo import read_photo, write_photo
from facewarden_runtime.purifier import Purifier, load_purifier
from facewarden_runtime.recognizer import Recognizer, load_recognizer

__version__ = "0.2.0"

__all__ = [
    "Decision",
    "Detector",
    "ExportError",
    "Face",
    "FaceFinder",
    "Purifier",
    "Recognizer",
    "__version__",
    "align_face",
    "load_detector",
    "load_purifier",
    "load_recognizer",
    "read_photo",
    "write_photo",
]
