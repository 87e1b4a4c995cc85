"""Makes every picture of README and docs: python benchmarks/docs_images.py (the page of a report needs Chromium).

`docs/images/made.json` holds the hash of what `report.png` shows, so that a test says when it is no longer current.
The sheets of captures are rendered, which takes minutes; names of pictures, such as `report.png purifiers.png`, make
these alone. The sheet of purifiers needs fetched recognizers for its cloak (`facewarden fetch`).
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from docs_web_page import web_page
from matplotlib.figure import Figure as Canvas
from PIL import Image

from facewarden.auditing.poisoning import Poisoning
from facewarden.auditing.purifier_sheet import PEOPLE, purifier_sheet
from facewarden.auditing.recognizer import PURIFIERS
from facewarden.core.run import RunFolder
from facewarden.data.simulate import Simulation
from facewarden.data.simulate.sheet import contact_sheet
from facewarden.evaluation.simulated_captures import shown_captures, simulate_captures
from facewarden.experiments.cloaking.cache import ExperimentCache
from facewarden.experiments.cloaking.cloak_recipe import CloakRecipe
from facewarden.experiments.cloaking.population import crowd_of
from facewarden.photos.synthetic import drawn_faces
from facewarden.reporting.codec import parse_report
from facewarden.reporting.figures import INCHES
from facewarden.reporting.html import render_html
from facewarden.reporting.plots_faces import faces, height

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


def report(target: Path) -> None:
    """The first screen of the default audit, and its hash."""
    page = first_page()
    screenshot(page, target)
    MADE.write_text(json.dumps({target.name: digest(page)}, indent=2) + "\n", encoding="utf-8")


def purifiers(target: Path) -> None:
    """Two drawn people before a cloak, with it, and after each purifier of an audit."""
    names = ("mobilefacenet_128", "dlib_resnet34")
    with tempfile.TemporaryDirectory(prefix="facewarden-") as folder:
        lab = ExperimentCache(crowd_of(drawn_faces(people=PEOPLE, each=2, seed=3)), Path(folder, "lab"))
        cloak = CloakRecipe("lowkey", "8", names, settings={"pace": "swift", "steps": 10}, seed=0)
        setting = Poisoning(lab, "mobilefacenet_512", cloak, PURIFIERS, users=1, seed=0)
        figure = purifier_sheet(setting, RunFolder(Path(folder, "run"), recipe={}), pictures="drawn")
    canvas = Canvas(figsize=(INCHES["wide"], height(figure.data, narrow=False)), layout="constrained", dpi=160)
    foot = faces(canvas, figure.data, False)
    canvas.supxlabel(f"{foot} Simulated.", x=0.01, ha="left", fontsize=7)
    canvas.savefig(target)


def instruments(target: Path) -> None:
    """Every instrument of version 2 of the simulator."""
    script = str(ROOT / "benchmarks" / "capture_sheet.py")
    subprocess.run([sys.executable, script, "--out", str(target)], check=True)


def simulated(target: Path) -> None:
    """The ten species of version 1 of the simulator, four captures each."""
    with tempfile.TemporaryDirectory(prefix="facewarden-") as folder:
        made = simulate_captures(Path(folder), Simulation(subjects=8, captures_per_subject=16, seed=0))
        sheet = contact_sheet(shown_captures(made.manifest))
    Image.fromarray(sheet).save(target, quality=80)


def cloaks(target: Path) -> None:
    """What a person sees of every cloak of the plan cloaks_two, on drawn people."""
    script = str(ROOT / "benchmarks" / "cloak_sheet.py")
    subprocess.run([sys.executable, script, "--sheet", str(target)], check=True)


PICTURES = {
    "report.png": report, "purifiers.png": purifiers, "instruments.jpg": instruments, "simulated.jpg": simulated,
    "cloaks.jpg": cloaks,
    "web-page.png": web_page,
}  # fmt: skip


def main(names: Sequence[str]) -> None:
    """Make some pictures, or all of them."""
    unknown = set(names) - PICTURES.keys()
    if unknown:
        sys.exit(f"no picture {', '.join(sorted(unknown))}; one of {', '.join(PICTURES)}")
    for name in names or PICTURES:
        PICTURES[name](IMAGES / name)
        print(f"wrote {IMAGES / name}")


if __name__ == "__main__":
    main(sys.argv[1:])
