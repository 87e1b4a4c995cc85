"""The control of PuFace: the same network, trained on Gaussian noise instead of cloaks."""

from __future__ import annotations

from facewarden.purifiers.parts.learned import LearnedPurifier


class DenoiseREDNet(LearnedPurifier):
    """The control: a purifier must beat it to show that it has learned cloaks and not only denoising.

    It has the body of the shipped `puface` and was trained by the recipe denoise_rednet on the same faces.
    """

    name = "denoise_rednet"


entry = DenoiseREDNet
