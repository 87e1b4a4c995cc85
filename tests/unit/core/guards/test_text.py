"""Text from outside: nothing acts, no name becomes a line of ours, JSON stays the same JSON."""

from __future__ import annotations

import json
import logging

import pytest

from facewarden.cli.parts.logs import logs_on_stderr
from facewarden.cli.parts.progress import on_stderr
from facewarden.core.guards.text import inert, inert_json, message, one_line

HOSTILE = "a\x1b[2Jb\x9b1mc\u202ed\u2066e\u200ff\u2028g\udcffh\rj\x07"


def test_controls_directions_and_broken_characters_show_as_escapes() -> None:
    shown = inert(HOSTILE)
    assert shown == r"a\x1b[2Jb\x9b1mc\u202ed\u2066e\u200ff\u2028g\udcffh\x0dj\x07"
    shown.encode()
    assert inert("tab\tnew\nline é 漢 עברית") == "tab\tnew\nline é 漢 עברית"


def test_a_newline_in_a_name_is_no_line() -> None:
    assert one_line("a\nb") == r"a\nb"
    assert message("x\nforged line\n  -> hint") == "x\\nforged line\n  -> hint"


def test_json_stays_the_same() -> None:
    text = json.dumps({"key": HOSTILE}, ensure_ascii=False)
    shown = inert_json(text)
    shown.encode()
    assert json.loads(shown) == {"key": HOSTILE}
    assert "\u202e" not in shown


def test_logs_and_progress_go_through_it(capsys: pytest.CaptureFixture[str]) -> None:
    with logs_on_stderr(["-v"]):
        logging.getLogger("facewarden").warning("%s: odd", HOSTILE)
        try:
            raise ValueError(HOSTILE)
        except ValueError:
            logging.getLogger("facewarden").debug("where:", exc_info=True)
    with on_stderr() as sink:
        sink.update(HOSTILE, 0, 4, HOSTILE)
    said = capsys.readouterr().err
    for active in "\x1b\x9b\u202e\u2066\r\x07":
        assert active not in said
    assert said.count(r"\x1b[2J") == 4
