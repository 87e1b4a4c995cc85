"""The picture of the web page in the docs: a procedural person and a replay of another one, with their verdicts."""

from __future__ import annotations

import io
import shutil
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

from facewarden.core.seeding import derive
from facewarden.data.simulate.capture import CaptureSpec, make_capture
from facewarden.data.simulate.person.face import prepare
from facewarden.data.simulate.person.identity import sample_identity
from facewarden.data.simulate.person.pose import sample_expression, sample_pose
from facewarden.service.pages.paths import ROOT
from facewarden.service.serving import prepare as prepare_service
from facewarden.service.settings import ServiceSettings

SHOWN = ((3, "bona_fide"), (2, "replay_tablet"))
"""Number of a person, and what is before the camera."""
SEED, WIDTH, HEIGHT, PATIENCE = 5, 1280, 1180, 300


def photo(number: int, species: str) -> bytes:
    """A procedural person as a camera sees them, as PNG."""
    draw = np.random.default_rng(derive(SEED, "shot", number))
    maps = prepare(sample_identity(derive(SEED, "identity", number))).render(
        pose=sample_pose(draw), expression=sample_expression(draw)
    )
    spec = CaptureSpec(f"{number}", "s", species, "alder", illumination="normal", session="0", seed=SEED, size=480)
    buffer = io.BytesIO()
    Image.fromarray(make_capture(spec, maps).rgb).save(buffer, format="PNG")
    return buffer.getvalue()


def web_page(target: Path) -> None:
    """Serve, send the photos, and take a picture of the verdicts.

    Args:
        target: of the picture; needs Chromium and the asset yunet.
    """
    browser = next(found for name in ("chromium", "chromium-browser") if (found := shutil.which(name)))
    with tempfile.TemporaryDirectory(prefix="facewarden-") as folder:
        service = prepare_service(ServiceSettings(data=Path(folder), port=0, recognizer="", purifier=""))
        thread = threading.Thread(target=service.run)
        thread.start()
        try:
            ends = time.monotonic() + PATIENCE
            while not service.started and time.monotonic() < ends:
                time.sleep(0.1)
            with sync_playwright() as playwright:
                opened = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
                page = opened.new_page(viewport={"width": WIDTH, "height": HEIGHT}, locale="en-US")
                page.set_default_timeout(PATIENCE * 1000)
                page.goto(f"{service.url}{ROOT}/score")
                page.locator("#photos").set_input_files([
                    {"name": f"{species}.png", "mimeType": "image/png", "buffer": photo(number, species)}
                    for number, species in SHOWN
                ])  # fmt: skip
                page.locator("form.work button").click()
                page.wait_for_selector("#results")
                page.screenshot(path=target)
                opened.close()
        finally:
            service.stop()
            thread.join()
