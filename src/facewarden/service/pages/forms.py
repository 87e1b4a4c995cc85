"""Forms of the page: made by it for this reader, and with photos that stay in memory."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

from PIL import Image
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser
from starlette.requests import Request

from facewarden.service.models.pictures import NoPicture, read_color
from facewarden.service.pages.rendering import sessions_of
from facewarden.service.problems import Problem
from facewarden.service.state import service_of

SHOWN_SIDE = 900
"""Longest side in pixels of a photo on the page."""
MOST_PHOTOS = 16
_FIELDS, _FIELD_BYTES = 40, 16 * 1024
_NAME = 120


@dataclass(frozen=True)
class Photo:
    """A photo that a reader sent.

    Attributes:
        name: of its file, cut to a length; whoever shows it escapes it.
        data: bytes as they came.
    """

    name: str
    data: bytes

    @property
    def base64(self) -> str:
        """As the endpoints take it."""
        return base64.b64encode(self.data).decode("ascii")


@dataclass(frozen=True)
class Shown:
    """A photo as the page shows it: decoded here and written anew, so that no byte of the file reaches a browser.

    Attributes:
        address: a data URI of a JPEG.
        width, height: of the upright photo itself, in pixels.
    """

    address: str
    width: int
    height: int


class _InMemory(MultiPartParser):
    """Photos of a form are not written to a disk, however large they are; the body was limited before."""

    spool_max_size = 0  # of a spooled file: never


async def form_of(request: Request, *, files: int = 0) -> FormData:
    """The fields of a form that this page made for this reader.

    Args:
        request: with a form.
        files: the most that it may hold.

    Raises:
        Problem: 400 for a body that is no form, 403 for one that came from elsewhere.
    """
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    try:
        if kind == "multipart/form-data":
            form = await _InMemory(
                request.headers, request.stream(), max_files=files, max_fields=_FIELDS, max_part_size=_FIELD_BYTES
            ).parse()
        elif kind == "application/x-www-form-urlencoded":
            form = await FormParser(
                request.headers, request.stream(), max_fields=_FIELDS, max_part_size=_FIELD_BYTES
            ).parse()
        else:
            raise Problem(415, "type", "this is no form", hint="send the form of the page")
    except (MultiPartException, ValueError) as error:
        raise Problem(400, "form", "the form cannot be read", hint="fewer or smaller photos") from error
    try:
        sessions_of(request).check(request, form.get("token"))
    except Problem:
        await form.close()
        raise
    return form


async def photos_of(request: Request) -> tuple[FormData, list[Photo]]:
    """The form and the photos in it.

    Raises:
        Problem: as `form_of`, and 400 where there is no photo.
    """
    most = min(MOST_PHOTOS, service_of(request).settings.limits.samples)
    form = await form_of(request, files=most)
    try:
        found = [
            Photo(one.filename[:_NAME], await one.read())
            for one in form.getlist("photos")
            if isinstance(one, UploadFile) and one.filename
        ]
    finally:
        await form.close()
    if not any(photo.data for photo in found):
        raise Problem(400, "no_photo", "no photo was chosen", hint="choose one or more files")
    return form, found


def text_of(form: FormData, name: str, default: str = "") -> str:
    """A field of text."""
    value = form.get(name, default)
    return value.strip() if isinstance(value, str) else default


def shown(data: bytes) -> Shown | None:
    """Make a photo that a browser may show; None where it cannot be decoded.

    Args:
        data: a file, of whatever content.
    """
    try:
        pixels, _ = read_color(data)
    except NoPicture:
        return None
    image = Image.fromarray(pixels)
    width, height = image.size
    image.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=90)
    return Shown(f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}", width, height)
