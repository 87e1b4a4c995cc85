"""The control of PuFace: the same network, trained on Gaussian noise instead of cloaks."""

from __future__ import annotations

from facewarden.purifiers.parts.learned import LearnedPurifier


class DenoiseREDNet(LearnedPurifier):
    """What a purifier must beat to show that it has learned cloaks and not just denoising.

    It has the body of the shipped `puface` and was trained by the recipe denoise_rednet on the same faces.
    """

    name = "denoise_rednet"


entry = DenoiseREDNet
