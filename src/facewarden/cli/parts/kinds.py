"""What the values of options are, as the help shows them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

Model = Annotated[str, "MODEL"]
"""A detector, recognizer or purifier as `facewarden help sources` says."""

Captures = Annotated[str, "CAPTURES"]
"""A manifest, or NAME:PATH of a published set of captures."""

Faces = Annotated[str, "PHOTOS"]
"""Photos of people: NAME, NAME:PATH, or a folder with one folder per person."""

Name = Annotated[str, "NAME"]
"""An entry of a registry."""

Setting = Annotated[str, "KEY=VALUE"]
"""One setting of what another option names."""

Rule = Annotated[str, "RULE"]
"""Whose face a photo of a folder shows."""

Folder = Annotated[Path, "FOLDER"]
"""A folder."""

Device = Annotated[str, "DEVICE"]
"""Where networks compute: auto, cpu, cuda, cuda:1, mps."""

Share = Annotated[str, "I/N"]
"""One of N shares of the work, from 1/N to N/N."""

Precision = Literal["auto", "float32", "bfloat16", "float16"]
"""What networks compute in; spelled here again, since whoever resolves it imports torch."""
