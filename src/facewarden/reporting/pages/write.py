"""Pages on disk: each file is complete under its name, or not there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from facewarden.core.errors import BadInputError
from facewarden.core.files import write_bytes, write_text
from facewarden.reporting.pages.document import Page, PageForm
from facewarden.reporting.pages.html import page_html
from facewarden.reporting.pages.markdown import figure_files, page_markdown
from facewarden.reporting.pages.typst import page_pdf


def check_forms(forms: Sequence[PageForm], folder: Path | None) -> None:
    """Refuse a page that is asked for and would be written nowhere.

    Args:
        forms: of the page; HTML alone is the default and asks for nothing.
        folder: to write to.

    Raises:
        BadInputError: another form and no folder.
    """
    if folder is None and tuple(forms) != ("html",):
        raise BadInputError(f"--form {' '.join(forms)} and no folder for it", hint="--out FOLDER")


def write_page(page: Page, folder: Path, *, name: str, forms: Sequence[PageForm]) -> tuple[Path, ...]:
    """Write a page in the forms asked for: NAME.html, NAME.md with a folder NAME_figures, NAME.pdf.

    Args:
        page: what to write.
        folder: made when absent.
        name: of the files, without suffix.
        forms: which.

    Raises:
        BadInputError: the folder cannot be written, or a PDF is asked for without the extra `pdf`.
    """
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if "html" in forms:
            written.append(write_text(folder / f"{name}.html", page_html(page)))
        if "markdown" in forms:
            figures = f"{name}_figures"
            drawn = list(figure_files(page))
            if drawn:
                (folder / figures).mkdir(exist_ok=True)
            for file, svg in drawn:
                write_text(folder / figures / file, svg)
            written.append(write_text(folder / f"{name}.md", page_markdown(page, figures=figures)))
        if "pdf" in forms:
            written.append(write_bytes(folder / f"{name}.pdf", page_pdf(page)))
    except OSError as error:
        raise BadInputError(
            f"{folder}: cannot write the page: {error}", hint="choose a writable folder: --out DIR"
        ) from error
    return tuple(written)
