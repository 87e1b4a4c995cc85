"""Code blocks of pages, read by sybil, and the marks in comments that say what a test needs or cannot run.

`<!-- prepare: NAME NAME -->` writes what the next blocks use, see `materials`. `<!-- unrun: REASON -->` before a block
of commands or Python, or `<!-- unrun 2,3: REASON -->` for some commands, keeps them from being run. Their words are
still parsed, and a test holds the number of them. `<!-- file: NAME -->` says that the block is a file of the reader's.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from sybil import Document, Region
from sybil.parsers.markdown.lexers import RawFencedCodeBlockLexer

REASONS: Mapping[str, str] = MappingProxyType(
    {
        "hours": "takes more than a minute, or is the command behind a page of results",
        "weights": "needs weights or a fetched part that is not in the package",
        "data": "needs a data set or files that only the reader has",
        "network": "fetches something, or sets up a machine",
        "machines": "needs a GPU or several machines",
        "hand": "needs a file that a person fills in first",
    }
)
RESULTS = Path(__file__).resolve().parents[2] / "docs" / "results"
_INFO = re.compile(r"(?P<language>[^\n]*)\n")
_MARK = re.compile(r"<!-- (prepare|unrun|file)(?: ([\d,]+))?: ([^>]*?) -->")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        page, line: where it stands.
        language: the word after the fence.
        source: its text.
        prepare: what must be written before it.
        unrun: number of a command, from 1, or 0 for all of them -> reason.
        file: which file of the reader's it is.
    """

    page: Path
    line: int
    language: str
    source: str
    prepare: tuple[str, ...]
    unrun: Mapping[int, str]
    file: str | None = None

    @property
    def commands(self) -> tuple[str, ...]:
        """The commands of a block of shell, a line each, without those that are comments alone."""
        lines = self.source.replace("\\\n", " ").splitlines()
        if self.language == "console":  # a prompt begins a command, the other lines are answers
            lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        return tuple(line.strip() for line in lines if shlex.split(line, comments=True))

    def reason(self, number: int) -> str | None:
        """Why a command, counted from 1, is not run; None where it is."""
        return self.unrun.get(0, self.unrun.get(number))


def blocks_of(page: Path) -> tuple[Block, ...]:
    """The fenced blocks of a page with their marks.

    Raises:
        ValueError: a mark with a reason that is none.
    """
    document = Document.parse(str(page), _fences)
    found, end = [], 0
    for example in document.examples():
        prepare, unrun, file = _marks(page, document.text[end : example.start])
        if page.is_relative_to(RESULTS):
            unrun = {0: "hours"}
        language, source = example.parsed
        found.append(Block(page, example.line, language.strip(), source, prepare, unrun, file))
        end = example.end
    return tuple(found)


def _fences(document: Document) -> Iterator[Region]:
    for region in RawFencedCodeBlockLexer(_INFO)(document):
        yield Region(
            region.start, region.end, (region.lexemes["language"], str(region.lexemes["source"])), lambda _: None
        )


def _marks(page: Path, text: str) -> tuple[tuple[str, ...], dict[int, str], str | None]:
    prepare: list[str] = []
    files: list[str] = []
    unrun = {}
    for kind, numbers, words in _MARK.findall(text):
        if kind == "prepare":
            prepare += words.split()
        elif kind == "file":
            files.append(words)
        elif words not in REASONS:
            raise ValueError(f"{page.name}: no reason {words!r}; one of {', '.join(REASONS)}")
        else:
            unrun |= dict.fromkeys(map(int, numbers.split(",")) if numbers else [0], words)
    return tuple(prepare), unrun, files[0] if files else None
