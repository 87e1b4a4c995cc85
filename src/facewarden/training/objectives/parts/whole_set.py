"""The whole training data as batches that are prepared when they are asked for, the same in every process."""

from __future__ import annotations

from collections.abc import Sequence

from facewarden.core.batch import FaceBatch


class WholeSet(Sequence[FaceBatch]):
    """All training samples, unchanged, in batches; a process of several may look at its share of them."""
