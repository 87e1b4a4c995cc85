"""The site of the docs: it is built strictly, and every link in it leads somewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import facewarden
from pages.site import ROOT, broken_references, links_out, listed, navigation_problems, reference_problems


def test_a_function_that_the_python_page_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert reference_problems() == []
    monkeypatch.setattr(facewarden, "__all__", [*facewarden.__all__[1:], "audit", "new"])
    assert [re.findall(r"facewarden\.(\w+)", one)[0] for one in reference_problems()] == ["audit", "new"]


def test_a_page_in_no_menu_and_a_menu_without_a_page_are_named() -> None:
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    pages = [ROOT / "docs" / one for one in listed(nav)]
    assert navigation_problems(pages) == []
    assert "lost.md: in no menu" in navigation_problems([*pages, ROOT / "docs" / "lost.md"])[0]
    assert "nav lists index.md, which does not exist" in navigation_problems(pages[1:])[0]


def test_a_link_out_of_the_docs_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("pages.site.DOCS", tmp_path)
    (tmp_path / "inner").mkdir()
    page = tmp_path / "inner" / "a.md"
    page.write_text("[in](../b.md) [out](../../src/x.py) [web](https://example.org)")
    assert [one.split()[1] for one in links_out(page)] == ["../../src/x.py"]


def test_what_leads_nowhere_on_the_site_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<h1 id="top"></h1><a href="b.html#x">b</a><a href="#top">t</a><a href="c.html">c</a>'
    )
    (tmp_path / "b.html").write_text(
        '<script src="https://example.org/s.js"></script><a href="https://example.org">w</a>'
    )
    assert broken_references(tmp_path) == [
        "a.html: b.html#x: there is no such heading",
        "a.html: c.html does not exist",
        "b.html: https://example.org/s.js is fetched from another machine",
    ]


def test_the_site_is_built_strictly_and_its_links_lead_somewhere(tmp_path: Path) -> None:
    copy = tmp_path / "repository"
    copy.mkdir()
    for name in ("docs", "src", "tests/pages"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "weights"))
    shutil.copy(ROOT / "mkdocs.yml", copy)
    zensical = Path(sys.executable).with_name("zensical")
    built = subprocess.run([zensical, "build", "--strict"], cwd=copy, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    assert broken_references(copy / "site") == []
    python = (copy / "site" / "api.html").read_text(encoding="utf-8")
    assert 'id="facewarden.audit"' in python
    assert "bona_fide, attacks" not in python
