"""Every code block of the docs is run, read, or counted with the reason why it is not run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from docs_check import ROOT, pages
from facewarden.auditing import presets
from facewarden.data.simulate import SimulationSettings
from pages.blocks import blocks_of
from pages.materials import MATERIALS
from pages.parsing import problems_of
from pages.running import SHELLS, SHOWN, run

NOT_RUN = {"hours": 34, "network": 14, "data": 14, "machines": 10, "weights": 9}
"""Reason -> commands and Python blocks outside of docs/results that no test runs; marks and numbers change together."""

SMALL = presets.Preset(
    captures=SimulationSettings(subjects=8, captures_per_subject=4), attacked_per_class=3, budgets=(2, 8), pgd_steps=2,
    apgd_restarts=1, auto_binary=(), queries=(4, 8),
    people=4, photos_per_person=4, cloaking_people=2, cloak_steps=2, rounds=50,
)  # fmt: skip
PAGES = [page for page in pages() if page.is_relative_to(ROOT / "docs") or page.parent == ROOT]
OURS = [page for page in PAGES if not page.is_relative_to(ROOT / "docs" / "results")]
RUN = [page for page in OURS if blocks_of(page)]


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN, ids=[page.stem for page in RUN])
def test_blocks_run_as_they_are_printed(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, need_asset: Callable[[str], Path]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(presets, "PRESETS", dict.fromkeys(("quick", "standard", "thorough"), SMALL))
    blocks = blocks_of(page)
    finder = need_asset("yunet") if any("yunet" in block.prepare for block in blocks) else None
    home = tmp_path / "home"
    monkeypatch.setenv("FACEWARDEN_HOME", str(home))  # what was fetched on this machine decides nothing
    names: dict[str, Any] = {}
    for block in blocks:
        for name in block.prepare:
            if name == "yunet":
                assert finder is not None
                (home / "assets").mkdir(parents=True, exist_ok=True)
                (home / "assets" / "yunet").symlink_to(finder if finder.is_dir() else finder.parent)
            else:
                names |= MATERIALS[name]() or {}
        run(block, names)


def test_what_is_not_run_is_counted() -> None:
    reasons = Counter(
        block.reason(number)
        for page in OURS
        for block in blocks_of(page)
        if block.language in (*SHELLS, "python")
        for number in range(1, len(block.commands) + 1 if block.language in SHELLS else 2)
    )
    ran = reasons.pop(None)
    assert dict(reasons) == NOT_RUN
    assert ran >= 45


def test_words_of_every_command_are_those_of_a_verb_or_of_a_file_that_exists() -> None:
    problems = [
        f"{page.name}:{block.line}: {problem}"
        for page in PAGES
        for block in blocks_of(page)
        if block.language in SHELLS
        for line in block.commands
        for problem in problems_of(line)
    ]
    assert problems == []


@pytest.mark.parametrize(
    "line",
    [
        "facewarden score photos --nobody",
        "A=1 facewarden score a b",
        "facewarden simulate OUT --subjects many && facewarden list",
        "torchrun -m facewarden trane mmdg --out a",
        "python benchmarks/none.py",
    ],
)
def test_words_that_nobody_knows_are_named(line: str) -> None:
    assert len(problems_of(line)) == 1


def test_every_block_has_a_language_that_somebody_checks() -> None:
    known = {*SHELLS, *SHOWN, "python", "json", "yaml"} - {""}
    assert [
        f"{page.name}:{block.line}: write the language after the fence, or text"
        for page in PAGES
        for block in blocks_of(page)
        if block.language not in known
    ] == []


def test_marks_name_what_there_is(tmp_path: Path) -> None:
    assert {name for page in PAGES for block in blocks_of(page) for name in block.prepare} <= {*MATERIALS, "yunet"}
    page = tmp_path / "a.md"
    page.write_text(
        "<!-- prepare: photos -->\n<!-- unrun 2: data -->\n```sh\nfacewarden list\n\nfacewarden doctor # why\n```\n"
    )
    (block,) = blocks_of(page)
    assert (block.prepare, block.line, block.reason(1), block.reason(2)) == (("photos",), 3, None, "data")
    assert block.commands == ("facewarden list", "facewarden doctor # why")
    page.write_text("<!-- unrun: laziness -->\n```sh\nfacewarden list\n```\n")
    with pytest.raises(ValueError, match="no reason 'laziness'"):
        blocks_of(page)


def test_a_command_that_fails_fails_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "a.md"
    page.write_text(
        "```sh\nfacewarden list detector\n```\n```sh\nfalse # exit code 1\n```\n```python\nx = 1 / 0\n```\n"
    )
    wrong, right, python = blocks_of(page)
    with pytest.raises(AssertionError, match="exit code 2"):
        run(wrong, {})
    assert run(right, {}) == 0
    with pytest.raises(ZeroDivisionError):
        run(python, {})
