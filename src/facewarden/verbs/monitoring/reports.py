"""Every report of an audit below a folder."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from facewarden.core.errors import BadInputError, FacewardenError
from facewarden.reporting.codec import dump_report, read_report
from facewarden.reporting.html import JSON
from facewarden.reporting.trends.history import NamedReport, moment_of


def reports_below(folder: Path) -> tuple[tuple[NamedReport, ...], tuple[str, ...]]:
    """Read the reports of a folder and its folders; links are not followed.

    Args:
        folder: with folders of audits at any depth, each with its report.json.

    Returns:
        The reports by name of folder, and one line for each file that is no report or folder that cannot be listed.

    Raises:
        BadInputError: there is no such folder, or no report in it.
    """
    if not folder.is_dir():
        raise BadInputError(f"{folder}: no such folder", hint="the folder in which the audits are")
    found: list[NamedReport] = []
    unreadable: list[str] = []

    def unlisted(error: OSError) -> None:
        unreadable.append(f"{error.filename}: cannot be listed: {error.strerror}".removeprefix(f"{folder}{os.sep}"))

    for parent, folders, names in os.walk(folder, onerror=unlisted):
        folders.sort()
        if JSON not in names:
            continue
        path = Path(parent)
        name = "." if path == folder else path.relative_to(folder).as_posix()
        try:
            one = NamedReport(name, read_report(path)[0])
            moment_of(one)
            found.append(one)
        except FacewardenError as error:
            unreadable.append(error.message.removeprefix(f"{folder}{os.sep}"))
    if not found:
        told = f"; not read: {unreadable[0]}" if unreadable else ""
        raise BadInputError(f"{folder}: no report.json below it{told}", hint="facewarden audit --out DIR writes one")
    return tuple(found), tuple(unreadable)


def without_copies(reports: Iterable[NamedReport]) -> tuple[tuple[NamedReport, ...], tuple[str, ...]]:
    """Reports without those that say the same as an earlier one, time and all: folders that were copied.

    Returns:
        The reports that are left, and one line for each copy.
    """
    first: dict[str, NamedReport] = {}
    copies = []
    for one in reports:
        held = first.setdefault(dump_report(one.report), one)
        if held is not one:
            copies.append(f"{one.name}: the same audit as {held.name}, a copy, which counts once")
    return tuple(first.values()), tuple(copies)
