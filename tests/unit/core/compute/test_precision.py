"""Precision: what is asked for, what the processor has, and the one line that says where they differ."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
import torch

from facewarden.core.compute import precision
from facewarden.core.compute.precision import Support, autocast, check_precision, resolve_precision
from facewarden.core.errors import BadInputError
from facewarden.training.loop import TrainSettings
from facewarden.training.precision import accelerator_for
from facewarden.training.purifier_recipe import PurifierSettings

RECIPES = Path(precision.__file__).parent.parent


def without_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    precision._warn_once.cache_clear()
    monkeypatch.setattr(precision, "native_bfloat16", lambda device_type="cpu": Support(False, "it has none in a test"))


def test_auto_takes_bfloat16_only_where_it_is_native(monkeypatch: pytest.MonkeyPatch) -> None:
    without_bfloat16(monkeypatch)
    assert resolve_precision("auto") == "float32"
    monkeypatch.setattr(precision, "native_bfloat16", lambda device_type="cpu": Support(True, ""))
    assert resolve_precision("auto") == "bfloat16"
    assert resolve_precision("float32") == "float32"


def test_bfloat16_without_instructions_is_computed_in_float32_with_one_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    without_bfloat16(monkeypatch)
    with caplog.at_level(logging.WARNING, logger="facewarden"):
        for _ in range(3):
            with autocast("bfloat16", "cpu"):
                assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
    assert [record.message for record in caplog.records] == [
        "bfloat16 was asked for, but it has none in a test: computing in float32"
    ]
    assert accelerator_for("bfloat16").mixed_precision == "no"


@pytest.mark.usefixtures("bfloat16_everywhere")
def test_bfloat16_is_used_where_it_is_native() -> None:
    with autocast("auto", "cpu"):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16
    assert accelerator_for("auto").mixed_precision == "bf16"


def test_a_processor_that_has_the_instructions_but_is_slow_counts_as_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "_has_instructions", lambda: True)
    for ratio, native in ((0.5, True), (1.0, True), (7.0, False)):
        monkeypatch.setattr(precision, "_measured_ratio", lambda ratio=ratio: ratio)
        precision.native_bfloat16.cache_clear()
        assert precision.native_bfloat16("cpu").native is native
    monkeypatch.setattr(precision, "_has_instructions", lambda: False)
    precision.native_bfloat16.cache_clear()
    assert not precision.native_bfloat16("cpu").native
    precision.native_bfloat16.cache_clear()


def test_the_measurement_is_short_and_positive() -> None:
    assert 0.01 < precision._measured_ratio(seconds=0.001) < 1000


@pytest.mark.parametrize(("old", "new"), [("no", "float32"), ("bf16", "bfloat16"), ("fp16", "float16")])
def test_spellings_of_the_first_version_are_understood(old: str, new: str) -> None:
    assert check_precision(old) == new


def test_settings_hold_what_was_asked_for_in_one_spelling() -> None:
    assert TrainSettings(precision="bf16").precision == PurifierSettings(precision="bf16").precision == "bfloat16"
    assert TrainSettings(precision="no").precision == TrainSettings().precision == "float32"
    for kind in (TrainSettings, PurifierSettings):
        with pytest.raises(BadInputError, match="float16"):
            kind(precision="float16")
        with pytest.raises(BadInputError, match="unknown precision 'half'"):
            kind(precision="half")


def test_no_recipe_of_the_package_names_a_half_precision() -> None:
    for path in RECIPES.rglob("recipes/*.json"):
        text = json.dumps(json.loads(path.read_text(encoding="utf-8")))
        assert not {word for word in ("bf16", "bfloat16", "fp16", "float16") if f'"precision": "{word}"' in text}, path
