"""Face finders and alignment to the five-point template that recognizers expect."""

from facewarden.align.parts.choose import choose_face, find_face
from facewarden.align.parts.paste import Pasted, face_region, paste_change
from facewarden.align.parts.similarity import fit_similarity
from facewarden.align.parts.template import CROP_SIZE, arcface_template
from facewarden.align.parts.warp import align_face, face_transform
from facewarden.core.roles import Aligner, FaceLocation

__all__ = [
    "CROP_SIZE",
    "Aligner",
    "FaceLocation",
    "Pasted",
    "align_face",
    "arcface_template",
    "choose_face",
    "face_region",
    "face_transform",
    "find_face",
    "fit_similarity",
    "paste_change",
]
