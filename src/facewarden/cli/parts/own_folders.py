"""What the flags `--bona-fide`, `--attacks`, `--mapping` and `--subject` share, before anything heavy is imported."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from facewarden.cli.parts.checks import check_path
from facewarden.core.errors import BadInputError


def check_own_folders(
    bona_fide: Sequence[Path], attacks: Sequence[Path], *, mapping: Path | None, subject: str, instead_of: object = None
) -> None:
    """Refuse folders that are not there, a rule that is none, and folders beside other captures.

    Args:
        bona_fide, attacks, mapping, subject: as typed.
        instead_of: captures or scores that were given as well.

    Raises:
        BadInputError: with the next thing to type.
    """
    for path in (*bona_fide, *attacks):
        check_path(path)
        if not path.is_dir():
            raise BadInputError(f"{path}: is no folder", hint="--bona-fide DIR --attacks DIR")
    check_path(mapping)
    if subject not in ("auto", "photo") and not re.match(r"(level|pattern|table):.", subject):
        raise BadInputError(
            f"--subject {subject}: no such rule", hint="auto, level:2, pattern:REGEX, table:FILE.csv or photo"
        )
    given = bool(bona_fide or attacks)
    if given and instead_of is not None:
        raise BadInputError(f"{instead_of} and folders of photos", hint="give one of them")
    if not given and instead_of is None and (mapping is not None or subject != "auto"):
        raise BadInputError("--mapping and --subject are for folders", hint="--bona-fide DIR --attacks DIR")
