"""Loading of checkpoints: what is refused, and that a checkpoint with batch normalization is computed as written."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from facewarden.core.errors import BadInputError, MissingAssetError
from facewarden.pad.minifasnet import FILES, VARIABLE, MiniFasNet


class Payload:
    def __reduce__(self) -> tuple[object, ...]:
        return (Path.cwd, ())


def test_without_a_folder_the_error_names_both_ways_to_give_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(MissingAssetError, match=f"minifasnet:FOLDER, or {VARIABLE}=FOLDER"):
        MiniFasNet()


def test_the_folder_may_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = MiniFasNet.example(tmp_path)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert MiniFasNet().card.sha256 == made.card.sha256


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    MiniFasNet.example(tmp_path)
    (tmp_path / "2.7_80x80_MiniFASNetV2.pth").unlink()
    with pytest.raises(MissingAssetError, match="no 2\\.7_80x80_MiniFASNetV2\\.pth"):
        MiniFasNet(tmp_path)


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path) -> None:
    MiniFasNet.example(tmp_path)
    torch.save({"weight": Payload()}, tmp_path / next(iter(FILES)))
    with pytest.raises(BadInputError, match="plain weights"):
        MiniFasNet(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04cut"])
def test_garbage_is_refused(tmp_path: Path, content: bytes) -> None:
    MiniFasNet.example(tmp_path)
    (tmp_path / next(iter(FILES))).write_bytes(content)
    with pytest.raises(BadInputError, match=next(iter(FILES))):
        MiniFasNet(tmp_path)


def test_exchanged_checkpoints_are_refused(tmp_path: Path) -> None:
    MiniFasNet.example(tmp_path)
    first, second = (tmp_path / name for name in FILES)
    first.rename(tmp_path / "kept")
    second.rename(first)
    (tmp_path / "kept").rename(second)
    with pytest.raises(BadInputError, match="tensors"):
        MiniFasNet(tmp_path)
