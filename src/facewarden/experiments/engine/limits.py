"""Limits of plans as numbers, so that a plan made to harm costs little time and memory."""

from __future__ import annotations

from facewarden.core.guards.limits import limit_of

PLAN_BYTES = int(limit_of("plan_bytes"))
"""Size of the file."""
PLAN_DEPTH = int(limit_of("plan_depth"))
"""Values inside of values."""
PLAN_VALUES = int(limit_of("plan_values"))
"""Values in all, what an alias stands for counted wherever it stands."""
PLAN_CELLS = int(limit_of("plan_cells"))
"""Cells that lists of names and seeds make together."""
