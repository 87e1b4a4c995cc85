"""The catalogue: every key in every language, every key of a template in the catalogue, every text with its values."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.requests import Request

from facewarden.service.pages import texts
from facewarden.service.pages.texts import LANGUAGES, catalogue, language_of, reason_text, translator

PAGES = Path(texts.__file__).parent
TEMPLATES = sorted(PAGES.glob("templates/*.jinja"))
OPEN = ("menu ", "decision ", "treatment ", "kind ", "audit ", "state ", "section ", "role ", "problem: ")
"""Beginnings of keys whose rest is a value of the service."""


def used() -> set[str]:
    """Keys that templates name in whole."""
    return {key for path in TEMPLATES for key in re.findall(r'\bt\("([^"]+)"[,)]', path.read_text(encoding="utf-8"))}


def test_every_key_has_every_language_and_the_same_values() -> None:
    for key, found in catalogue().items():
        assert list(found) == list(LANGUAGES), key
        assert all(text.strip() for text in found.values()), key
        names = {code: set(re.findall(r"\{(\w+)\}", text)) for code, text in found.items()}
        assert names["de"] == names["zh"] == names["en"], key


def test_every_key_of_a_template_is_in_the_catalogue_and_no_text_is_left_over() -> None:
    assert used() - set(catalogue()) == set()
    code = "".join(path.read_text(encoding="utf-8") for path in PAGES.glob("*.py"))
    spare = {
        key for key in set(catalogue()) - used() if not key.startswith((*OPEN, "reason: ")) and f'"{key}"' not in code
    }
    assert spare - {"first", "second"} == set()


def test_no_template_holds_a_text_of_its_own_a_script_or_a_style() -> None:
    for path in TEMPLATES:
        source = path.read_text(encoding="utf-8")
        bare = re.sub(r"\{%.*?%\}|\{\{.*?\}\}|<[^>]*>", " ", source, flags=re.S)
        words = set(re.findall(r"[A-Za-z]{3,}", bare)) - {"facewarden", "OpenAPI", "PSNR", "SSIM", "SHA", "UTC"}
        assert words == set(), path.name
        assert not re.search(r"<script(?! src=)|\son\w+=|\sstyle=|<style|javascript:|\|\s*safe", source), path.name


def request(cookie: str = "", accept: str = "") -> Request:
    headers = [(b"cookie", cookie.encode()), (b"accept-language", accept.encode())]
    return Request({"type": "http", "headers": headers})


@pytest.mark.parametrize(("cookie", "accept", "wanted"), [
    ("", "", "en"), ("", "de-AT,de;q=0.9", "de"), ("", "fr,zh-CN;q=0.8", "zh"), ("", "fr", "en"),
    ("facewarden_language=zh", "de", "zh"), ("facewarden_language=xx", "de", "de"),
])  # fmt: skip
def test_a_choice_comes_before_the_browser(cookie: str, accept: str, wanted: str) -> None:
    assert language_of(request(cookie, accept)) == wanted


def test_a_reason_is_told_in_the_readers_language_where_it_is_known() -> None:
    german = translator("de")
    assert reason_text(german, "no face found") == "es wurde kein Gesicht gefunden"
    assert "not base64" in reason_text(german, "unreadable photo: not base64")
    assert reason_text(german, "something new") == "something new"
