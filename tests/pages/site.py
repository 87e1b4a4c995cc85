"""Checks of the docs site: every page is in a menu, no link leaves docs/, every built link leads somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
LEAVES = re.compile(r"\]\(((?:\.\./)+[^)\s]*)\)")


def listed(entries: Any) -> Iterator[str]:
    """The pages of `nav` in mkdocs.yml, at any depth."""
    for entry in entries:
        for inner in entry.values() if isinstance(entry, dict) else [entry]:
            yield from [inner] if isinstance(inner, str) else listed(inner)


def navigation_problems(pages: list[Path]) -> list[str]:
    """Pages that nobody finds, and entries without a page; pages below docs/results/NAME/ are linked by results."""
    nav = set(listed(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]))
    ours = {page.relative_to(DOCS).as_posix() for page in pages if page.is_relative_to(DOCS)}
    wanted = {page for page in ours if not page.startswith("results/") or page == "results/README.md"}
    lost = [
        f"{page}: in no menu of the site; add a line `- Title: {page}` to nav in mkdocs.yml" for page in wanted - nav
    ]
    return sorted(lost) + [f"mkdocs.yml: nav lists {page}, which does not exist" for page in sorted(nav - ours)]


def reference_problems() -> list[str]:
    """Public functions that the Python reference lacks, or names twice or wrongly."""
    import facewarden

    shown = re.findall(r"^::: facewarden\.(\w+)$", (DOCS / "api.md").read_text(encoding="utf-8"), re.M)
    public = [name for name in facewarden.__all__ if name != "__version__"]
    wrong = {name for name in {*shown, *public} if (shown.count(name), public.count(name)) != (1, 1)}
    return [f"api.md: needs one line `::: facewarden.{name}`, if it is public" for name in sorted(wrong)]


def links_out(page: Path) -> list[str]:
    """Links of a page of docs/ to files that are not on the site."""
    if not page.is_relative_to(DOCS):
        return []
    return [
        f"{page.name}: {target} is not on the site; write its path as code, without a link"
        for target in LEAVES.findall(page.read_text(encoding="utf-8"))
        if not (page.parent / target).resolve().is_relative_to(DOCS)
    ]


class _Built(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.references: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.ids.add(named.get("id") or "")
        self.references += [(tag, where) for name in ("href", "src") if (where := named.get(name))]


def broken_references(site: Path) -> list[str]:
    """Links, pictures, styles and scripts of a built site that lead nowhere, or that another machine would serve."""
    built = {}
    for path in sorted(site.rglob("*.html")):
        if path.name != "404.html":  # its links are those of a server's root
            built[path] = _Built()
            built[path].feed(path.read_text(encoding="utf-8"))
    return [
        f"{path.relative_to(site)}: {problem}"
        for path, page in built.items()
        for tag, where in page.references
        if (problem := _problem(site, path, tag, where, built))
    ]


def _problem(site: Path, path: Path, tag: str, where: str, built: dict[Path, _Built]) -> str:
    address = urlsplit(where)
    if address.scheme or address.netloc:
        return "" if tag == "a" or address.scheme == "data" else f"{where} is fetched from another machine"
    target = (path.parent / unquote(address.path)).resolve() if address.path else path
    if target.is_dir():
        target /= "index.html"
    if not target.exists() or not target.is_relative_to(site):
        return f"{where} does not exist"
    known = target not in built or not address.fragment or unquote(address.fragment) in built[target].ids
    return "" if known else f"{where}: there is no such heading"
