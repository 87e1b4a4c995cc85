"""The web page in Chromium: photos in, verdicts out, the slider, an audit followed, axe-core, and no script at all.

Needs Chromium; axe-core as `browser.py` says.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

sync_api = pytest.importorskip("playwright.sync_api")
pytest.importorskip("fastapi")

from browser import AXE, BROWSER, VIOLATIONS  # noqa: E402
from facewarden.service.pages.paths import ROOT  # noqa: E402
from facewarden.service.serving import Prepared  # noqa: E402
from served import served, settings_in, soft  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")]
PAGES = ("score", "purify", "audits", "models", "sign-in")


def face(number: int) -> bytes:
    """A procedural person before the camera, as PNG."""
    from facewarden.core.seeding import derive
    from facewarden.data.simulate.capture import CaptureSpec, make_capture
    from facewarden.data.simulate.person.face import prepare
    from facewarden.data.simulate.person.identity import sample_identity
    from facewarden.data.simulate.person.pose import sample_expression, sample_pose

    draw = np.random.default_rng(derive(5, "shot", number))
    maps = prepare(sample_identity(derive(5, "identity", number))).render(
        pose=sample_pose(draw), expression=sample_expression(draw)
    )
    spec = CaptureSpec(f"f{number}", "s", "bona_fide", "alder", illumination="normal", session="0", seed=5, size=320)
    return png(make_capture(spec, maps).rgb)


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, need_asset: Any) -> Iterator[Prepared]:
    need_asset("yunet")
    with served(settings_in(tmp_path_factory.mktemp("service"), purifier="puface")) as made:
        yield made


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"])
        yield made
        made.close()


@pytest.fixture(scope="module")
def photos() -> list[dict[str, Any]]:
    found = [("person.png", face(0)), ("<b>soft</b>.png", png(soft(1, side=200)))]
    return [{"name": name, "mimeType": "image/png", "buffer": data} for name, data in found]


@pytest.fixture
def page(chromium: Any, service: Prepared) -> Iterator[Any]:
    """A page that has nothing to complain of, such as a script that its policy forbids."""
    context = chromium.new_context(base_url=service.url, viewport={"width": 1280, "height": 900}, locale="en-US")
    made = context.new_page()
    said: list[str] = []
    made.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    made.on("pageerror", lambda error: said.append(str(error)))
    yield made
    context.close()
    assert said == []


def send(page: Any, path: str, photos: list[dict[str, Any]]) -> None:
    page.goto(f"{ROOT}/{path}")
    page.get_by_label("Choose photos").set_input_files(photos)
    page.locator("form.work button").click()
    page.wait_for_selector("#results")


def test_a_photo_gets_a_verdict_a_box_and_a_place_on_the_scale(page: Any, photos: list[dict[str, Any]]) -> None:
    send(page, "score", photos)
    first, second = page.locator("article").all()
    assert first.locator(".verdict").inner_text() in ("Bona fide presentation", "Attack presentation")
    frame, box = first.locator("img").bounding_box(), first.locator("rect.box").bounding_box()
    assert frame["x"] < box["x"] < box["x"] + box["width"] < frame["x"] + frame["width"]
    assert frame["y"] < box["y"] < box["y"] + box["height"] < frame["y"] + frame["height"]
    assert first.get_by_role("img", name="threshold").is_visible()
    assert second.locator("h3").inner_text() == "<b>soft</b>.png"
    assert "no face was found" in second.inner_text()
    assert page.evaluate("document.activeElement.id") == "results"


def test_the_slider_moves_by_keys_and_the_photo_is_saved(
    page: Any, photos: list[dict[str, Any]], tmp_path: Path
) -> None:
    send(page, "purify", photos[:1])
    slider = page.get_by_role("slider")
    before = page.locator("figure").nth(1).evaluate("node => getComputedStyle(node).clipPath")
    slider.focus()
    slider.press("End")
    assert page.locator("figure").nth(1).evaluate("node => getComputedStyle(node).clipPath") != before
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download").click()
    assert waiting.value.suggested_filename == "person-purified.png"
    waiting.value.save_as(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as saved:
        assert (saved.format, saved.size) == ("PNG", (320, 320))


def test_an_audit_is_followed_without_loading_the_page_again(page: Any) -> None:
    page.goto(f"{ROOT}/audits")
    page.get_by_role("button", name="Start the audit").click()
    page.wait_for_url(f"**{ROOT}/audits/*")
    page.evaluate("window.kept = true")
    with page.expect_response("**/state"):
        pass
    assert page.evaluate("window.kept")
    page.get_by_role("button", name="End this audit").click()
    page.wait_for_selector(".state.canceled", timeout=60_000)
    page.get_by_role("button", name="Remove this audit").click()
    page.get_by_text("There is no audit yet").wait_for()


def test_the_first_key_leads_to_the_content(page: Any) -> None:
    page.goto(f"{ROOT}/score")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


@pytest.mark.parametrize(
    ("width", "scheme", "locale"), [(1280, "light", "en"), (1280, "dark", "de"), (390, "light", "zh")]
)
def test_every_page_fits_and_axe_core_finds_nothing(
    chromium: Any, service: Prepared, photos: list[dict[str, Any]], width: int, scheme: str, locale: str
) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not here: npm install axe-core")
    context = chromium.new_context(base_url=service.url, viewport={"width": width, "height": 900}, locale=locale,
                                  color_scheme=scheme, bypass_csp=True)  # fmt: skip
    page = context.new_page()

    def problems() -> list[str]:
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate(VIOLATIONS)
        return [*found, *([f"{wide} pixels too wide"] if wide > 0 else [])]

    for path in PAGES:
        page.goto(f"{ROOT}/{path}")
        assert problems() == [], path
    for path in ("score", "purify"):
        page.goto(f"{ROOT}/{path}")
        page.locator("#photos").set_input_files(photos)
        page.locator("form.work button").click()
        page.wait_for_selector("#results")
        assert problems() == [], path
    context.close()


def test_the_basics_need_no_script(chromium: Any, service: Prepared, photos: list[dict[str, Any]]) -> None:
    context = chromium.new_context(base_url=service.url, java_script_enabled=False, locale="en-US")
    page = context.new_page()
    for path in ("score", "purify"):
        page.goto(f"{ROOT}/{path}")
        page.locator("#photos").set_input_files(photos)
        page.locator("form.work button").click()
        page.wait_for_selector("article")
        assert page.locator("article").count() == 2
    assert page.locator(".compare img").count() == 2
    assert page.get_by_role("slider").count() == 0
    first, second = (box.bounding_box() for box in page.locator(".compare img").all())
    assert second["x"] >= first["x"] + first["width"]
    context.close()
