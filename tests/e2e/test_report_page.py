from __future__ import annotations

import html
import importlib.util
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from facewarden.reporting.html import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium")

# the page itself runs no script, so a page around it looks inside and writes down what it sees
PROBE = """<!doctype html><body style="margin:0"><iframe id="f" style="width:%dpx;height:900px;border:0" srcdoc="%s">
</iframe><pre id="out"></pre><script>
document.getElementById("f").onload = event => {
  const page = event.target.contentDocument, shown = node => getComputedStyle(node).display !== "none";
  const all = query => [...page.querySelectorAll(query)];
  document.getElementById("out").textContent = "PROBE" + JSON.stringify({
    page: page.documentElement.scrollWidth, view: page.documentElement.clientWidth,
    keys: all(".keys").map(table => table.scrollWidth - table.parentElement.clientWidth),
    wide: all(".plot.wide").filter(shown).length, narrow: all(".plot.narrow").filter(shown).length,
    cards: new Set(all(".card").map(card => card.getBoundingClientRect().top)).size,
    styled: getComputedStyle(page.querySelector(".letter")).color,
    text: Math.min(...all(".plot svg text").filter(node => node.getBoundingClientRect().height > 0)
      .map(node => node.getBoundingClientRect().height)),
  }) + "END";
};
</script></body>"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = Path(__file__).parents[1] / "unit" / "reporting" / "conftest.py"
    spec = importlib.util.spec_from_file_location("made_up", source)
    assert spec is not None
    assert spec.loader is not None
    made_up = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made_up)
    return write_report(made_up.made_up_report(), tmp_path_factory.mktemp("report"))[0]


@pytest.fixture
def browse(tmp_path: Path) -> Callable[..., str]:
    def run(*options: str, url: str) -> str:
        assert CHROMIUM is not None
        command = [CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", *options, url]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout

    return run


def probe(page: Path, browse: Callable[..., str], folder: Path, *, width: int) -> dict[str, Any]:
    around = folder / "around.html"
    around.write_text(PROBE % (width, html.escape(page.read_text(encoding="utf-8"), quote=True)), encoding="utf-8")
    dom = browse("--dump-dom", "--virtual-time-budget=5000", "--window-size=1600,1000", url=around.as_uri())
    found = re.search('<pre id="out">PROBE(.*?)END', dom, flags=re.DOTALL)
    assert found is not None
    seen: dict[str, Any] = json.loads(html.unescape(found.group(1)))
    return seen


@pytest.mark.parametrize(("width", "wide", "narrow", "rows"), [(1280, 5, 0, 1), (390, 0, 5, 3)])
def test_it_fits_the_screen(page: Path, browse, tmp_path: Path, width: int, wide: int, narrow: int, rows: int) -> None:
    seen = probe(page, browse, tmp_path, width=width)
    assert seen["page"] <= seen["view"]  # nothing to scroll sideways
    assert max(seen["keys"]) <= 0
    assert (seen["wide"], seen["narrow"], seen["cards"]) == (wide, narrow, rows)
    assert seen["styled"] == "rgb(255, 255, 255)"  # the policy in the page lets its own style in
    assert seen["text"] >= 8  # pixels: the smallest line of text in any plot


def test_it_prints(page: Path, browse, tmp_path: Path) -> None:
    target = tmp_path / "page.pdf"
    browse(f"--print-to-pdf={target}", "--no-pdf-header-footer", url=page.as_uri())
    pages = len(re.findall(rb"/Type\s*/Page\b", target.read_bytes()))
    assert 5 <= pages <= 14
