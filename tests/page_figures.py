"""Figures of the pages of results: tables and figures in prose come out of JSON files beside the page.

`python tests/docs_check.py --write` writes both anew. A table stands below its template:

    <!-- table
    rows = cloak_detector_edits/edits.json#rows
    recognizer = mobilefacenet_512; dlib_resnet34
    | edit | $recognizer | suspected |
    |---|---|---|
    | none | {rows[kind=natural].$recognizer|.3} | {rows[kind=natural].after|%1} % |
    each rows[kind=jpeg]: | {entry.what} | {entry.$recognizer|.3} | {entry.after|%1()} |
    -->
    | ... |
    <!-- /table -->

- `NAME = PATH` shortens a path (see `json_paths`); names for the whole page stand in a comment `<!-- names`.
- A list with semicolons repeats the cells that hold its `$name`, once for every entry.
- `each PATH:` repeats a row for every value of a path (`each rows[*]:`), which is then called `entry`.
- A field is `{PATH|FORMAT}`: `.2` decimals, `%1` percent with one decimal, `,` thousands, `+` a sign, `()` with the
  interval, `(to)` the interval in words. Without a format, text and whole numbers stand as they are.

A figure in prose has its path in a comment directly after it: `5.9 % (2.2–12.4)<!--= rows[...].after -->`. Percent,
points, decimals and interval are those of the text (write `0.0 % (0.0–0.0)` for what is not known yet). `|%` in the
comment says percent where the text has no sign, `|x` that the value is in percent or points already. Settings, which no
run found, are named once in a comment `<!-- given: 95 %; 7.61 -->`; any other percentage or decimal without a path is a
problem.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from json_paths import Names, PathError, number, triple, value_of, values_of

TABLE = re.compile(r"<!-- table\n(.*?)-->\n(.*?)<!-- /table -->", re.S)
NAMES = re.compile(r"<!-- names\n(.*?)-->", re.S)
GIVEN = re.compile(r"<!-- given: (.*?)-->", re.S)
FIELD = re.compile(r"\{([^{}|]+)(?:\|([^{}|]*))?\}")
FORMAT = re.compile(r"(\+?)(%?)\.?(\d*)(,?)(\(\)|\(to\)|)")
NUMBER = r"[+−-]?\d[\d,]*(?:\.\d+)?"
FIGURE = re.compile(
    rf"({NUMBER})(\*{{0,2}}(?:\s*%|\s+[a-zA-Z]+)?\*{{0,2}})(?:\s+\(({NUMBER})(–|\s+to\s+)({NUMBER})(\s*%?\)))?(\*{{0,2}})$"
)
NAMED = re.compile(r"<!--=\s(.*?)-->", re.S)
LINK_OR_CODE = re.compile(r"`[^`]*`|\[[\w./-]+\]\([^)]*\)|\]\([^)]*\)")
UNNAMED = re.compile(r"(?<![\w.,])(?:\d[\d,]*\.\d+|\d[\d,]*(?=\s?%))")


def names_of(page: Path, text: str) -> Names:
    """The short names that a page declares."""
    meant = {}
    for block in NAMES.findall(text):
        for line in block.strip().splitlines():
            name, _, path = line.partition(" = ")
            meant[name.strip()] = path.strip()
    return Names(page.parent, meant, {})


def rewritten(page: Path, text: str) -> str:
    """A page with its tables and the figures in its prose made anew.

    Raises:
        PathError: a path that leads nowhere, a template that cannot be read, or a path without a figure before it.
    """
    names = names_of(page, text)
    return _prose_of(_tables_of(text, names), names)


def _tables_of(text: str, names: Names) -> str:
    return TABLE.sub(lambda found: f"<!-- table\n{found[1]}-->\n{made_table(found[1], names)}<!-- /table -->", text)


def _prose_of(text: str, names: Names) -> str:
    parts, position = [], 0
    for found in NAMED.finditer(text):
        before = text[position : found.start()]
        figure = FIGURE.search(before)
        if figure is None:
            raise PathError(f"no figure directly before {found[0]!r}")
        expected = _as_written(found[1], figure, names)
        kept = _plain(figure[0]) == _plain(expected)
        parts += [before if kept else before[: figure.start()] + expected + figure[7], found[0]]
        position = found.end()
    return "".join(parts) + text[position:]


def made_table(template: str, names: Names) -> str:
    """The rows of a table from its template.

    Args:
        template: what stands between `<!-- table` and `-->`.
        names: short names of the page.

    Raises:
        PathError: a line that is none of a template's, or a path that leads nowhere.
    """
    meant, lists, rows = dict(names.meant), {}, []
    for line in template.strip().splitlines():
        name, equals, meaning = line.partition(" = ")
        if line.startswith("|"):
            rows.append(_filled(_widened(line, lists), replace(names, meant=meant)))
        elif line.startswith("each "):
            path, _, row = line.removeprefix("each ").partition(": |")
            inner = replace(names, meant=meant)
            rows += [
                _filled(_widened(f"|{row}", lists), replace(inner, bound={**names.bound, "entry": entry}))
                for entry in values_of(path, inner)
            ]
        elif equals and ";" in meaning:
            lists[name.strip()] = [one.strip() for one in meaning.split(";")]
        elif equals:
            meant[name.strip()] = meaning.strip()
        else:
            raise PathError(f"a template's line is a row, `each PATH: row` or `NAME = PATH`, not {line!r}")
    return "".join(f"{row}\n" for row in rows)


def wrong_figures(page: Path, text: str) -> list[str]:
    """Tables and figures in prose that are not those of their paths, or have none."""
    try:
        right = rewritten(page, text)
    except (PathError, KeyError, IndexError, ValueError, TypeError) as error:
        return [f"{page.name}: {error}"]
    pairs = zip(text.splitlines(), right.splitlines(), strict=False)
    wrong = [f"{page.name}: says {ours!r}, must be {theirs!r}" for ours, theirs in pairs if ours != theirs]
    if text != right and not wrong:
        wrong = [f"{page.name}: a table has other rows than its template"]
    return wrong[:5] + _without_path(page, text)


def _as_written(path: str, figure: re.Match[str], names: Names) -> str:
    """The figure of a path in the form of the text's."""
    path, _, how = path.strip().partition("|")
    said, unit, low, to, _, close, _ = figure.groups()
    value = value_of(path, names)
    percent = how == "%" or (how != "x" and (unit or "").strip("* ") in ("%", "points", "point"))
    scale = 100 if percent and not isinstance(value, str) else 1
    ends = "" if low is None else "()" if to == "–" else "(to)"
    decimals = len(said.partition(".")[2])
    text = formatted(value, f"{'+' * said.startswith('+')}.{decimals}{',' * (',' in said)}{ends}", scale=scale)
    middle, _, interval = text.partition(" (")
    return f"{middle}{unit or ''}" + (f" ({interval.rstrip(')')}{close}" if ends else "")


def formatted(value: Any, how: str, *, scale: float = 1) -> str:
    """A value in one of the formats of a table's fields."""
    if not how:
        return "–" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
    read = FORMAT.fullmatch(how)
    if read is None:
        raise PathError(f"no format {how!r}")
    sign, percent, decimals, thousands, ends = read.groups()
    factor = 100 if percent else scale
    if percent and isinstance(value, str):
        factor = 1  # what a summary printed is in percent

    def shown(one: float, plus: str = sign) -> str:
        text = f"{factor * one:{plus}{thousands}.{decimals or 0}f}"
        return (text.lstrip("-") if not text.strip("-0.") else text).replace("-", "−")

    if not ends:
        return shown(number(value))
    if isinstance(value, int | float):
        raise PathError(f"{value} has no interval to print: its path should end one key earlier")
    middle, low, high = triple(value)
    return f"{shown(middle)} ({shown(low, '')}{' to ' if ends == '(to)' else '–'}{shown(high, '')})"


def _widened(line: str, lists: dict[str, list[str]]) -> str:
    """A row whose cells that hold a `$name` are repeated for every entry of that list."""
    cells = []
    for cell in re.split(r"(?<!\{)\|(?![^{}]*\})", line.strip().strip("|")):
        used = next((name for name in lists if f"${name}" in cell), None)
        cells += [cell.replace(f"${used}", one) for one in lists[used]] if used else [cell]
    return f"|{'|'.join(cells)}|"


def _filled(row: str, names: Names) -> str:
    return FIELD.sub(lambda field: formatted(value_of(field[1], names), field[2] or ""), row)


def _plain(text: str) -> str:
    return " ".join(text.split())


def _without_path(page: Path, text: str) -> list[str]:
    """Percentages and decimals in the prose that are neither a named figure nor a setting; tables without template."""
    given = {one.strip().rstrip(" %") for block in GIVEN.findall(text) for one in block.split(";")}
    *named, rest = NAMED.sub("\0", TABLE.sub("", text)).split("\0")
    prose = "".join(FIGURE.sub("", part) for part in named) + rest
    problems, fenced, lines = [], False, []
    for line in re.sub(r"<!--.*?-->", "", prose, flags=re.S).splitlines():
        fence = line.startswith("```")
        fenced ^= fence
        if not fenced and re.match(r"\|.*\|\s*\**[+−-]?\d", LINK_OR_CODE.sub("", line)):
            problems.append(f"{page.name}: a table without a template: {line[:60]}")
        lines.append("" if fence or fenced or line.startswith("    ") else line)
    bare = LINK_OR_CODE.sub("", "\n".join(lines))
    return problems + [
        f"{page.name}: {found[0]} has no path and is not given: "
        f"...{_plain(bare[max(0, found.start() - 40) : found.end() + 10])}"
        for found in UNNAMED.finditer(bare)
        if found[0] not in given
    ]
