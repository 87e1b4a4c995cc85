"""Files of an audit for build servers and code scanning."""

from __future__ import annotations

from pathlib import Path

from facewarden.core.errors import BadInputError
from facewarden.core.files import write_text
from facewarden.reporting.ci import junit_xml, sarif_json
from facewarden.reporting.document import Report


def write_for_machines(report: Report, *, junit: Path | None, sarif: Path | None) -> tuple[Path, ...]:
    """Write JUnit XML and SARIF where they are asked for.

    Args:
        report: the audit.
        junit, sarif: files; their folders are made.

    Raises:
        BadInputError: a file that cannot be written.
    """
    texts = {junit: junit_xml, sarif: sarif_json}
    written = []
    for path, make in texts.items():
        if path is None:
            continue
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            written.append(write_text(path, make(report)))
        except OSError as error:
            raise BadInputError(f"{path}: cannot be written: {error}", hint="a file in a writable folder") from error
    return tuple(written)
