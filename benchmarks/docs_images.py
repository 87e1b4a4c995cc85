"""Makes every picture of README and docs: python benchmarks/docs_images.py (the page of a report needs Chromium).

`docs/images/made.json` holds the hash of what `report.png` shows, so that a test says when it is no longer current.
With `--all` the sheet of instruments is rendered as well, which takes minutes.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from facewarden.reporting.codec import parse_report
from facewarden.reporting.html import render_html

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
SOURCE = ROOT / "docs" / "results" / "audit_default" / "report.json"
MADE = IMAGES / "made.json"
WIDTH, HEIGHT = 1280, 1100
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def first_page() -> str:
    """The page of the default audit, as it is rendered today."""
    return render_html(parse_report(SOURCE.read_text(encoding="utf-8")))


def digest(page: str) -> str:
    """The hash that says whether a picture is current: of the style and of what comes before the sections."""
    return hashlib.sha256(page.partition('<section id="presentation"')[0].encode()).hexdigest()


def screenshot(page: str, target: Path) -> None:
    """A picture of the first screen of a page."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        sys.exit(f"no browser: one of {', '.join(BROWSERS)}")
    with tempfile.TemporaryDirectory(prefix="facewarden-") as folder:
        file = Path(folder, "page.html")
        file.write_text(page, encoding="utf-8")
        options = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            f"--window-size={WIDTH},{HEIGHT}",
        ]
        subprocess.run([browser, *options, f"--screenshot={target}", file.as_uri()], check=True, capture_output=True)


def main() -> None:
    page = first_page()
    screenshot(page, IMAGES / "report.png")
    MADE.write_text(json.dumps({"report.png": digest(page)}, indent=2) + "\n", encoding="utf-8")
    sheet = [sys.executable, str(ROOT / "benchmarks" / "capture_sheet.py"), "--out", str(IMAGES / "instruments.jpg")]
    if "--all" in sys.argv:
        subprocess.run(sheet, check=True)
    print(f"wrote {IMAGES}")


if __name__ == "__main__":
    main()
