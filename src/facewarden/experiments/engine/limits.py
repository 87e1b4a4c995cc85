"""Limits of plans: what a plan may hold at most, so that a plan made to harm costs little time and memory."""

from __future__ import annotations

PLAN_BYTES = 256 * 1024
"""Size of the file."""
PLAN_DEPTH = 40
"""Values inside of values."""
PLAN_VALUES = 10_000
"""Values in all, what an alias stands for counted wherever it stands."""
PLAN_CELLS = 10_000
"""Cells that lists of names and seeds make together."""
