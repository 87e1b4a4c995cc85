"""Checks the Markdown files: links lead somewhere, lines are wrapped, commands exist, figures are those of their JSON.

`python tests/docs_check.py --write` writes the tables and figures of the pages of results anew, see `page_figures`.
"""

from __future__ import annotations

import contextlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

from json_paths import PathError
from page_figures import rewritten, wrong_figures
from pages.site import links_out, navigation_problems, reference_problems

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "docs" / "results"
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)|!\[[^\]]*\]\(([^)\s]+)\)")
WIDTH = 100
SHELLS = ("sh", "bash", "console")
TABLES = ("text", "yaml")
"""Blocks of other languages in which a line may end in a command, such as a line of cron."""
_COMMAND = re.compile(r"(?:^|&&|run:)\s*(facewarden\s.*)")


def pages() -> list[Path]:
    """Markdown files that git tracks."""
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / line for line in listed.splitlines()]


def broken_links(page: Path) -> list[str]:
    """Relative links whose target does not exist."""
    targets = [a or b for a, b in LINK.findall(page.read_text(encoding="utf-8"))]
    local = [target for target in targets if not re.match(r"[a-z]+:", target)]
    return [
        f"{page.name}: link to {target}, which does not exist"
        for target in local
        if not (page.parent / target).exists()
    ]


def wide_lines(page: Path) -> list[str]:
    """Prose lines of hand-written pages over 100 columns; tables, code, pictures, links and comments may be wider."""
    if page.parent not in (ROOT, ROOT / "docs", ROOT / "docs" / "results"):
        return []  # below docs/results/NAME/ the program writes the pages
    problems = []
    for number, line in enumerate(_prose(page.read_text(encoding="utf-8")), start=1):
        if len(re.sub(r"\]\([^)]*\)", "]", line)) > WIDTH:
            problems.append(f"{page.name}:{number}: wider than {WIDTH} columns; wrap it")
    return problems


def _prose(text: str) -> list[str]:
    """The lines of a page, with those that cannot be wrapped (code, tables, pictures) left empty."""
    lines = []
    fenced = False
    for line in re.sub(r"<!--(.*?)-->", _same_lines, text, flags=re.S).splitlines():
        fence = line.lstrip().startswith("```")
        fenced ^= fence
        lines.append("" if fence or fenced or line.startswith(("|", "![", "    ")) else line)
    return lines


def _same_lines(comment: re.Match[str]) -> str:
    return "\n" * comment[1].count("\n")


def shell_blocks(text: str) -> list[str]:
    """The contents of fenced blocks of shell commands."""
    blocks: list[str] = []
    fence: str | None = None
    for line in text.splitlines():
        if line.startswith("```"):
            fence = line[3:].strip() if fence is None else None
            if fence in SHELLS:
                blocks.append("")
        elif fence in SHELLS:
            blocks[-1] += line + "\n"
        elif fence in TABLES and "&&" in line and (found := _COMMAND.search(line)) is not None:
            blocks.append(found[1])
    return blocks


def unknown_commands(page: Path) -> list[str]:
    """`facewarden VERB` and `make TARGET` lines in code blocks whose verb, option or target does not exist."""
    from facewarden.cli import verbs

    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    problems = []
    for block in shell_blocks(page.read_text(encoding="utf-8")):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.strip().removeprefix("$ "), comments=True) if line.strip() else []
            if words[:1] == ["facewarden"] and len(words) > 2 and words[1][0] == "-":
                problems.append(f"{page.name}: {words[1]} stands before the verb in: {line}")
            if words[:1] == ["facewarden"] and len(words) > 1 and words[1][0] != "-":
                if words[1] not in verbs() and words[1].isidentifier() and words[1].islower():
                    problems.append(f"{page.name}: no verb {words[1]!r} in: {line}")
                problems += [f"{page.name}: {words[1]} has no {o} in: {line}" for o in _unknown_options(words)]
            if words[:1] == ["make"] and len(words) > 1 and not re.search(rf"^{re.escape(words[1])}:", makefile, re.M):
                problems.append(f"{page.name}: no make target {words[1]!r}")
    return problems


def _unknown_options(words: list[str]) -> list[str]:
    from facewarden.cli.parts.commands import RENAMED, load_command, sub_verbs, verbs
    from facewarden.cli.parts.options import options_of

    verb = RENAMED.get(words[1], words[1])
    if verb not in verbs():
        return []
    below = sub_verbs(verb)
    if below and (len(words) < 3 or words[2] not in below):
        return [] if len(words) < 3 or words[2].startswith("-") else [words[2]]
    command = load_command(verb, *([words[2]] if below else []))
    known = {one.flag for one in options_of(command.entry)} | {"--help", "--verbose", "--quiet", "--json"}
    return [option for word in words[2:] if word.startswith("--") and (option := word.partition("=")[0]) not in known]


def results_without_command(page: Path) -> list[str]:
    """Pages of results that do not say how to make them again."""
    if page.parent.name != "results" or "facewarden " in page.read_text(encoding="utf-8"):
        return []
    text = page.read_text(encoding="utf-8")
    return [] if "python benchmarks/" in text else [f"{page.name}: names no command that makes it again"]


def figures(page: Path) -> list[str]:
    """Tables and figures of hand-written pages of results that are not those of the JSON beside them."""
    return wrong_figures(page, page.read_text(encoding="utf-8")) if has_figures(page) else []


def has_figures(page: Path) -> bool:
    """Whether a page is one of results whose figures are checked; README.md there names those that wait."""
    waiting = re.search(r"<!-- waiting: (.*?) -->", (RESULTS / "README.md").read_text(encoding="utf-8"), re.S)
    return page.parent == RESULTS and page.name not in (waiting[1].split() if waiting else [])


def main() -> int:
    """Print every problem; 1 when there is one."""
    if "--write" in sys.argv[1:]:
        for page in filter(has_figures, pages()):
            with contextlib.suppress(PathError):  # which the check below says
                page.write_text(rewritten(page, page.read_text(encoding="utf-8")), encoding="utf-8")
    problems = [*navigation_problems(pages()), *reference_problems()] + [
        p
        for page in pages()
        for check in (broken_links, links_out, wide_lines, unknown_commands, results_without_command, figures)
        for p in check(page)
    ]
    sys.stdout.write("\n".join(problems) + ("\n" if problems else f"docs: {len(pages())} pages, no problem\n"))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
