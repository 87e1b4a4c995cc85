"""Pages of reports in a real browser: axe-core finds nothing, and no table is cut on a wide or a narrow window.

Needs Chromium, and axe-core from npm: `npm install axe-core`, or FACEWARDEN_AXE=PATH/axe.min.js.
"""

from __future__ import annotations

import html
import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

import facewarden
from browser import AXE, BROWSER, VIOLATIONS
from facewarden.data.table import write_table
from facewarden.reporting.codec import parse_report
from facewarden.reporting.html import render_html
from facewarden.verbs.laboratory.lab_report import write_lab_report

ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine"),
]


def pages(folder: Path) -> dict[str, str]:
    """An audit, a table of scores, and a laboratory's report."""
    rng = np.random.default_rng(0)
    n = 240
    label = (np.arange(n) % 2).tolist()
    kinds = ["print_flat", "mask_rigid", "replay_phone"]
    columns = {
        "key": [f"k{i}" for i in range(n)], "score": (rng.normal(0, 1, n) + 2 * np.array(label)).tolist(),
        "label": label, "species": ["" if one else kinds[i % 3] for i, one in enumerate(label)],
        "subject": [f"s{i % 24}" for i in range(n)], "split": ["dev" if i % 24 < 8 else "test" for i in range(n)],
        "series": [f"series-{i % 12}" for i in range(n)], "attr_sex": ["fm"[i % 24 % 2] for i in range(n)],
        "matched": ["yes"] * n,
    }  # fmt: skip
    write_table(folder / "t.csv", columns)
    facewarden.evaluate_scores(folder / "t.csv", out=folder / "o", rounds=100)
    write_lab_report(folder / "t.csv", out=folder / "o")
    audit = parse_report((ROOT / "docs/results/audit_default/report.json").read_text(encoding="utf-8"))
    return {"audit": render_html(audit)} | {
        name: (folder / "o" / f"{name}.html").read_text(encoding="utf-8") for name in ("scores", "lab")
    }


def in_browser(page: str, script: str, folder: Path, *, width: int, dark: bool = False) -> object:
    """Run a script in a page of a width, and return what it puts into `result`."""
    free = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)  # a page as it is runs no script
    inner = folder / "inner.html"
    tail = f"<script>{script}</script>"
    inner.write_text(free.replace("</body>", f"{tail}</body>"), encoding="utf-8")
    outer = folder / "outer.html"
    outer.write_text(
        f'<body style="margin:0"><iframe src="inner.html" style="width:{width}px;height:9000px;border:0"></iframe>'
        '<script>addEventListener("message", event => { const out = document.createElement("pre");'
        'out.id = "result"; out.textContent = event.data; document.body.append(out); });</script></body>',
        encoding="utf-8",
    )
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", "--dump-dom",
               "--virtual-time-budget=30000", f"--window-size={max(width, 600)},9000"]  # fmt: skip
    options += ["--blink-settings=preferredColorScheme=0"] if dark else []
    assert BROWSER is not None
    done = subprocess.run([BROWSER, *options, outer.as_uri()], capture_output=True, text=True, check=True, timeout=240)
    found = re.search(r'<pre id="result">(.*?)</pre>', done.stdout, re.S)
    assert found is not None, done.stdout[-2000:]
    return json.loads(html.unescape(found[1]))


CUT = """
const cut = [...document.querySelectorAll(".scroll")].filter(box => box.scrollWidth > box.clientWidth + 1)
  .map(box => box.getAttribute("aria-label") + " " + box.scrollWidth + " > " + box.clientWidth);
if (document.documentElement.scrollWidth > document.documentElement.clientWidth + 1) cut.push("the page itself");
parent.postMessage(JSON.stringify(cut), "*");
"""


@pytest.mark.parametrize("width", [1280, 390])
def test_no_table_is_cut(tmp_path: Path, width: int) -> None:
    for name, page in pages(tmp_path).items():
        assert in_browser(page, CUT, tmp_path, width=width) == [], name


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not here: npm install axe-core")
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (390, False)])
def test_axe_core_finds_nothing(tmp_path: Path, width: int, dark: bool) -> None:
    script = (
        f"{AXE.read_text(encoding='utf-8')}; {VIOLATIONS}.then(found => parent.postMessage(JSON.stringify(found), '*'))"
    )
    for name, page in pages(tmp_path).items():
        assert in_browser(page, script, tmp_path, width=width, dark=dark) == [], name
