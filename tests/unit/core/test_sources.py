"""The grammar of names: one precedence, settings in braces, and models of a person's own file."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from facewarden.core.errors import BadInputError, FacewardenError, UnknownEntryError
from facewarden.core.resolve import resolve_detector, resolve_purifier, resolve_recognizer
from facewarden.core.sources.grammar import check_source, parse_source
from facewarden.pad.parts.local_service import serve_brightness

OWN = """
    from facewarden.core.card import Card
    from facewarden.core.roles import Purifier
    from helper import SHIFT

    class Brighter(Purifier):
        differentiable = True

        def __init__(self, by: float = SHIFT) -> None:
            super().__init__()
            self.by = by
            self.card = Card("brighter", "Adds light", "purifier")

        def purify(self, images):
            return (images + self.by).clamp(0, 1)

    def make(by=0.5):
        return Brighter(by)

    ready = Brighter(0.25)
    number = 3

    def wrong():
        return "nothing"
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "helper.py").write_text("SHIFT = 0.125\n")
    path = tmp_path / "own.py"
    path.write_text(textwrap.dedent(OWN))
    return path


def test_the_first_that_fits_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    known = ["jpeg", "median", "lfw"]

    def kind(text: str) -> str:
        return parse_source(text, known=known, what="purifiers").kind

    assert kind("http://127.0.0.1:8780/score") == "url"
    assert kind("own.py:jpeg") == "object"
    assert kind("lfw:photos") == "named_path"
    assert kind("jpeg") == "name"
    (tmp_path / "jpeg").mkdir()
    (tmp_path / "own.py:jpeg").mkdir()
    (tmp_path / "lfw:photos").mkdir()
    assert {kind("jpeg"), kind("own.py:jpeg"), kind("lfw:photos")} == {"path"}


def test_a_path_with_the_name_of_an_entry_is_used_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jpeg").mkdir()
    parse_source("jpeg", known=["jpeg"], what="purifiers")
    assert "this path is used, not the purifier of the same name" in caplog.text


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("jpg", UnknownEntryError, "did you mean jpeg"),
        ("jpgg:x", UnknownEntryError, "did you mean jpeg"),
        ("./absent", BadInputError, "no such file or folder"),
        ("jpeg:", BadInputError, "no path after the colon"),
        ('jpeg{"quality": }', BadInputError, "settings are no JSON"),
        ("jpeg{3}", BadInputError, "settings are no JSON"),
        ("puface:absent", BadInputError, "absent: no such file"),
        ("absent.py:Name", BadInputError, "absent.py: no such file"),
    ],
)
def test_what_leads_nowhere_is_refused(text: str, kind: type[FacewardenError], message: str) -> None:
    with pytest.raises(kind) as raised:
        check_source("purifiers", text)
    assert message in raised.value.message


def test_a_class_a_function_and_an_object_of_a_file_are_models(own: Path) -> None:
    found = [resolve_purifier(f"{own}:{name}") for name in ("Brighter", "make", "ready", 'make{"by": 0.75}')]
    assert [getattr(model, "by", None) for model in found] == [0.125, 0.5, 0.25, 0.75]
    assert type(found[0]) is type(found[1])  # the file is imported once


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("own.py:Absent", "defines no 'Absent'", "own.py:Brighter"),
        ("own.py:number", "is a int, not a Purifier", "name a class"),
        ("own.py:wrong", "gives a str, not a Purifier", "returns one"),
        ('own.py:make{"be": 1}', "unexpected keyword argument 'be'", "setting"),
        ('own.py:ready{"by": 1}', "takes no settings", "a class or a function"),
        ("own.py:Purifier", "abstract class: it lacks", "define"),
        ("broken.py:Any", "broken.py:3: cannot be imported: ZeroDivisionError", "python broken.py"),
        ("mistyped.py:Any", "mistyped.py:1: cannot be imported: SyntaxError", "python mistyped.py"),
        ("own.py", "what of this file", "own.py:NAME"),
    ],
)
def test_what_is_no_model_is_told_with_its_line(own: Path, text: str, message: str, hint: str) -> None:
    (own.parent / "broken.py").write_text("one = 1\n\none / 0\n")
    (own.parent / "mistyped.py").write_text("def x(:\n")
    with pytest.raises(BadInputError) as raised:
        resolve_purifier(text)
    assert message in raised.value.message
    assert hint in raised.value.hint


def test_a_model_of_another_role_is_refused(own: Path) -> None:
    with pytest.raises(BadInputError, match="not a Detector"):
        resolve_detector(f"{own}:ready")
    with pytest.raises(BadInputError, match="not a Recognizer"):
        resolve_recognizer(f"{own}:Brighter")


def test_a_url_is_a_detector_behind_it() -> None:
    assert resolve_detector(serve_brightness()).card.name.startswith("http")
    with pytest.raises(BadInputError, match="cannot be reached"):  # it is asked when it is loaded
        resolve_detector("http://127.0.0.1:9/score")
    with pytest.raises(BadInputError, match="only detectors"):
        resolve_recognizer("http://127.0.0.1:9/embed")
    with pytest.raises(BadInputError, match="remote"):
        resolve_detector("https://example.org/score")


def test_settings_in_braces_reach_every_kind_of_model() -> None:
    with pytest.raises(BadInputError, match="no setting 'size'"):
        resolve_detector('multi_cnn{"size": 3}')
    with pytest.raises(BadInputError, match="no setting 'size'"):
        resolve_recognizer('onnx_file{"size": 3}')
