"""The process that forks the commands of the campaign: it starts, tells codes, and ends what it is told to kill."""

from __future__ import annotations

from pathlib import Path

from chaos.process import Starter


def test_commands_are_started_told_apart_by_their_codes_and_killed(tmp_path: Path) -> None:
    folder = tmp_path / "trial"
    folder.mkdir()
    with Starter() as starter:
        assert starter.start(["list", "attacks"], folder).wait() == 0
        refused = starter.start(["purify", "nowhere", "--out", "out"], folder)
        assert refused.wait() == 2
        assert "nowhere" in refused.errors()
        long = starter.start(["simulate", "out", "--subjects", "8", "--workers", "1"], folder)
        assert long.wait(timeout=0.1) is None
        assert long.kill() == []
        assert long.wait() == -9
