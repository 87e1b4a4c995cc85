"""PuFace, trained further on smooth cloaks and tints: one network for what changes fast and what changes slowly."""

from __future__ import annotations

from facewarden.purifiers.parts.learned import LearnedPurifier


class PuFaceBroad(LearnedPurifier):
    """Restores aligned faces, also those whose colors were changed by a slow field.

    The network of PuFace, whose training went on with three families of cloaks: noise, smooth cloaks and tints. It
    leaves a little more noise than PuFace, by the numbers, and changes the pixels of natural faces more, so
    `puface_gated` asks it only for faces that seem to have a smooth cloak or a tint.

    Source: written here, by the training of Wen, "PuFace", arXiv 2406.02253, 2024, on more families of cloaks.
    """

    name = "puface_broad"


entry = PuFaceBroad
