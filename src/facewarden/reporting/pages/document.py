"""A page as data: chapters with text, tables, figures and commands."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from facewarden.core.errors import ContractError
from facewarden.reporting.document import Figure, Table

Status = Literal["", "measured", "simulated", "not measured", "stated", "not stated"]
STATUSES: tuple[Status, ...] = get_args(Status)
"""On what a chapter rests: measurements, simulated captures, nothing, or what the reader of the page was told."""
PageForm = Literal["html", "markdown", "pdf"]
PAGE_FORMS: tuple[PageForm, ...] = get_args(PageForm)


@dataclass(frozen=True)
class Chapter:
    """A part of a page.

    Attributes:
        name: of its anchor: letters, digits and hyphens.
        title: its heading.
        text: paragraphs.
        tables, figures: the evidence, in this order.
        commands: what to type, each with a line that says what for.
        status: on what it rests; empty where that is not asked.

    Raises:
        ContractError: a name that is no anchor, or an unknown status.
    """

    name: str
    title: str
    text: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    commands: tuple[tuple[str, str], ...] = ()
    status: Status = ""

    def __post_init__(self) -> None:
        if re.fullmatch(r"[a-z0-9-]+", self.name) is None:
            raise ContractError(f"chapter {self.name!r} has no name for an anchor", hint="a-z, 0-9 and -")
        if self.status not in STATUSES:
            raise ContractError(f"chapter {self.name} has the status {self.status!r}", hint=f"one of {STATUSES}")


@dataclass(frozen=True)
class Page:
    """A whole page.

    Attributes:
        kicker: what kind of page it is, above the title.
        title: its heading.
        summary: the answer, in a sentence or two.
        facts: short texts under the title.
        warnings: what a reader must know before any figure.
        chapters: in reading order.
        command: that makes the page again; empty where there is none.
        provenance: JSON-able versions and machine facts.
        simulated: whether figures rest on simulated samples.
    """

    kicker: str
    title: str
    summary: str
    facts: tuple[str, ...]
    chapters: tuple[Chapter, ...]
    warnings: tuple[str, ...] = ()
    command: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    simulated: bool = False

    def __post_init__(self) -> None:
        names = [chapter.name for chapter in self.chapters]
        if len(set(names)) < len(names):
            raise ContractError(f"page {self.title!r} has two chapters of one name", hint="name each anchor once")
        object.__setattr__(self, "provenance", json.loads(json.dumps(dict(self.provenance), allow_nan=False)))

    @property
    def versions(self) -> list[tuple[str, str]]:
        """Provenance as rows, one level of mappings opened."""
        rows: list[tuple[str, str]] = []
        for key, value in self.provenance.items():
            rows += [(str(k), str(v)) for k, v in value.items()] if isinstance(value, dict) else [(key, str(value))]
        return rows
