"""Chromium and axe-core, where this machine has them: `apt-get install chromium`, `npm install axe-core`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

BROWSER = next((found for name in ("chromium", "chromium-browser") if (found := shutil.which(name))), None)
AXE = Path(os.environ.get("FACEWARDEN_AXE") or Path(__file__).parents[1] / "node_modules" / "axe-core" / "axe.min.js")
VIOLATIONS = """
axe.run(document, {resultTypes: ["violations"]}).then(found => found.violations.map(
  one => one.id + ": " + one.nodes.slice(0, 3).map(node => node.html).join(" | ")))"""
"""Script that gives what axe-core finds, a line a rule."""
