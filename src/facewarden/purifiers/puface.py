"""PuFace: a network that removes cloak perturbations from faces, trained on amplified cloaks."""

from __future__ import annotations

from facewarden.purifiers.parts.learned import LearnedPurifier


class PuFace(LearnedPurifier):
    """Restores aligned faces; it changes natural faces only slightly.

    The shipped weights are a U-Net; RED-Net-30 as described is trained by the recipe puface_rednet. Besides image and
    feature loss the recipe minimizes how much of the cloak itself is left, see
    `facewarden.training.amplify.residual_cloak`.

    Source: Wen, "PuFace: Defending against Facial Cloaking Attacks for Facial Recognition Models", arXiv 2406.02253,
    2024.
    """

    name = "puface"


entry = PuFace
