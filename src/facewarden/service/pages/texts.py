"""Every text of the page in English, German and Chinese, from one catalogue."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from starlette.requests import Request

LANGUAGES: Mapping[str, str] = MappingProxyType({"en": "English", "de": "Deutsch", "zh": "中文"})
"""Code -> name of the language in itself."""
HTML_CODES: Mapping[str, str] = MappingProxyType({"en": "en", "de": "de", "zh": "zh-Hans"})
COOKIE = "facewarden_language"
CATALOGUE = Path(__file__).with_name("texts.json")


@cache
def catalogue() -> Mapping[str, Mapping[str, str]]:
    """Key -> language -> text."""
    found: Mapping[str, Mapping[str, str]] = json.loads(CATALOGUE.read_text(encoding="utf-8"))
    return found


def language_of(request: Request) -> str:
    """The language that a reader chose, else the first one of the browser that there is, else English."""
    chosen = request.cookies.get(COOKIE, "")
    if chosen in LANGUAGES:
        return chosen
    for part in request.headers.get("accept-language", "")[:200].split(","):
        code = part.split(";")[0].strip().lower().split("-")[0]
        if code in LANGUAGES:
            return code
    return "en"


def translator(language: str) -> Callable[..., str]:
    """A function that gives the text of a key, with values in place of names in braces.

    Args:
        language: a key of `LANGUAGES`.
    """
    texts = catalogue()

    def text(key: str, /, **values: object) -> str:
        found = texts[key][language]
        for name, value in values.items():
            found = found.replace(f"{{{name}}}", str(value))
        return found

    return text


def reason_text(text: Callable[..., str], reason: str) -> str:
    """Why there is no result, in the reader's language where the catalogue has it, else as the service says it.

    Args:
        text: of `translator`.
        reason: an English sentence of the service.
    """
    if is_known(f"reason: {reason}"):
        return text(f"reason: {reason}")
    for start in ("unreadable photo", "no upright face", "the sample lacks"):
        if reason.startswith(start):
            return text(f"reason: {start}", details=reason.removeprefix(start).lstrip(": "))
    return reason


def is_known(key: str) -> bool:
    """Whether the catalogue has a text."""
    return key in catalogue()
