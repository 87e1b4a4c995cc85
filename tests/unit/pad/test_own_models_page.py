"""The example of the page on own models runs as it stands there."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from facewarden.core.errors import BadInputError
from facewarden.core.resolve import resolve_detector
from facewarden.nn.foreign.settings import DetectorSettings, PurifierSettings, RecognizerSettings

PAGE = (Path(__file__).parents[3] / "docs" / "own-models.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_example_works_as_it_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    module, use = blocks("python")
    (card,) = blocks("json")
    assert module.startswith("# my.py\n")
    Path("my.py").write_text(module)
    Path("my.json").write_text(card)
    names: dict[str, object] = {}
    exec(compile(use, "page", "exec"), names)
    assert getattr(names["detector"], "card").name == "my_net"  # noqa: B009
    Path("my.json").write_text(card.replace('"logits"', '"probability"'))
    with pytest.raises(BadInputError, match="says probability"):
        resolve_detector("my.py:Net")


def test_every_setting_is_on_the_page() -> None:
    kinds = (DetectorSettings, RecognizerSettings, PurifierSettings)
    assert not [one.name for kind in kinds for one in fields(kind) if f"`{one.name}`" not in PAGE]
