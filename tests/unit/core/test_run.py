from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from facewarden.core.errors import BadInputError
from facewarden.core.files import write_json
from facewarden.core.run import RunFolder, provenance


def counting(value: Any) -> tuple[Callable[[], Any], list[int]]:
    calls: list[int] = []

    def compute() -> Any:
        calls.append(1)
        return value

    return compute, calls


def test_a_resumed_run_sees_the_very_same_numbers_and_computes_nothing_twice(tmp_path: Path) -> None:
    value = {"auc": 0.1 + 0.2, "tiny": 5e-324, "counts": (1, 2), "nested": {"x": [1 / 3]}}
    compute, calls = counting(value)
    first = RunFolder(tmp_path / "run", recipe={"seed": 1}).stage("score", compute)
    again = RunFolder(tmp_path / "run", recipe={"seed": 1}, resume=True).stage("score", compute)
    assert first == again
    assert first["auc"] == 0.1 + 0.2
    assert first["tiny"] == 5e-324
    assert len(calls) == 1


def test_the_first_and_the_resumed_result_have_the_same_types(tmp_path: Path) -> None:
    first = RunFolder(tmp_path / "run", recipe={}).stage("s", lambda: {3: (1, 2)})
    assert first == {"3": [1, 2]}


def test_a_stage_that_fails_is_done_again(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run", recipe={})

    def fail() -> None:
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError):
        run.stage("score", fail)
    compute, calls = counting(1)
    assert RunFolder(tmp_path / "run", recipe={}, resume=True).stage("score", compute) == 1
    assert calls == [1]


def test_a_stage_result_that_json_cannot_hold_leaves_no_half_result(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run", recipe={})
    with pytest.raises(ValueError, match="JSON compliant"):
        run.stage("score", lambda: {"auc": float("nan")})
    assert run.stage("score", lambda: {"auc": None}) == {"auc": None}


def test_a_full_disk_is_said_and_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunFolder(tmp_path / "run", recipe={})
    plain = Path.open

    def full(self: Path, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if mode == "r":
            return plain(self, mode, *arguments, **options)
        if mode == "w":
            plain(self, mode, *arguments, **options).close()  # a name still fits, its content does not
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "open", full)
    for write in (lambda: run.stage("score", lambda: 1), lambda: run.log(seconds=1), lambda: run.finish({})):
        with pytest.raises(BadInputError, match="No space left"):
            write()
    monkeypatch.setattr(Path, "open", plain)
    assert not list(tmp_path.rglob("*.tmp"))
    assert not run.done
    assert run.stage("score", lambda: 2) == 2


def test_a_folder_that_holds_a_run_is_not_overwritten(tmp_path: Path) -> None:
    RunFolder(tmp_path / "run", recipe={"seed": 1})
    with pytest.raises(BadInputError, match="holds a run already") as error:
        RunFolder(tmp_path / "run", recipe={"seed": 1})
    assert "--resume" in error.value.hint


@pytest.mark.parametrize(
    ("recipe", "named"),
    [({"seed": 2, "eps": 1}, "seed"), ({"seed": 1}, "eps"), ({"seed": 1, "eps": 1, "steps": 3}, "steps")],
)
def test_resuming_with_other_settings_names_them(tmp_path: Path, recipe: dict[str, Any], named: str) -> None:
    RunFolder(tmp_path / "run", recipe={"seed": 1, "eps": 1})
    with pytest.raises(BadInputError, match=rf"other settings: {named} \("):
        RunFolder(tmp_path / "run", recipe=recipe, resume=True)


def test_resuming_nothing_starts(tmp_path: Path) -> None:
    assert RunFolder(tmp_path / "run", recipe={"seed": 1}, resume=True).stage("s", lambda: 1) == 1


def test_a_recipe_that_is_not_json_is_named(tmp_path: Path) -> None:
    RunFolder(tmp_path / "run", recipe={})
    (tmp_path / "run" / "recipe.json").write_text("{")
    with pytest.raises(BadInputError, match=r"recipe\.json: not JSON"):
        RunFolder(tmp_path / "run", recipe={}, resume=True)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInputError, match="cannot write the run") as error:
        RunFolder(tmp_path / "file" / "run", recipe={})
    assert "--out" in error.value.hint

    def refuse(self: Path, *args: Any, **keywords: Any) -> None:
        raise PermissionError(13, "Permission denied", str(self))  # root writes anywhere, so chmod would test nothing

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(BadInputError, match="Permission denied"):
        RunFolder(tmp_path / "run", recipe={})


def test_a_writer_killed_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    write_json(path, {"old": True})
    script = """
        import os, sys
        from pathlib import Path
        from facewarden.core.files import write_json

        def cut(self, data):
            with self.open("wb") as file:
                file.write(data[: len(data) // 2])
                file.flush()
            os._exit(9)

        Path.write_bytes = cut
        write_json(Path(sys.argv[1]), {"new": list(range(1000))})
    """
    process = subprocess.run([sys.executable, "-c", textwrap.dedent(script), str(path)], check=False)
    assert process.returncode == 9
    assert json.loads(path.read_text()) == {"old": True}
    assert len(list(tmp_path.iterdir())) == 2  # the half-written file lies beside it under another name


def test_a_run_killed_between_stages_ends_with_the_same_numbers(tmp_path: Path) -> None:
    script = """
        import os, sys
        from pathlib import Path
        from facewarden.core.run import RunFolder

        run = RunFolder(Path(sys.argv[1]), recipe={"seed": 1}, resume=True)
        first = run.stage("a", lambda: [0.1 + 0.2])
        second = run.stage("b", lambda: os._exit(9) if sys.argv[2] == "die" else [first[0] * 3])
        run.finish({"b": second})
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert subprocess.run([*command, whole, "live"], check=False).returncode == 0
    assert subprocess.run([*command, killed, "die"], check=False).returncode == 9
    assert not (killed / "done.json").exists()
    assert subprocess.run([*command, killed, "live"], check=False).returncode == 0
    assert (killed / "done.json").read_bytes() == (whole / "done.json").read_bytes()
    assert (killed / "stages" / "b.json").read_bytes() == (whole / "stages" / "b.json").read_bytes()


def test_done_is_said_only_at_the_end(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run", recipe={})
    assert not run.done
    run.finish({"grade": "B"})
    assert run.done
    assert RunFolder(tmp_path / "run", recipe={}, resume=True).done


def test_the_log_has_one_line_an_event(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run", recipe={})
    run.stage("score", lambda: 1)
    run.log(note="hello")
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line.get("stage") or line.get("note") for line in lines] == ["score", "hello"]


def test_provenance_names_versions_and_no_person_or_machine() -> None:
    facts = provenance()
    assert facts["packages"]["torch"] != "absent"
    text = json.dumps(facts)
    for private in (os.uname().nodename, os.environ.get("USER", "")):
        assert len(private) < 4 or private not in text


def test_the_half_line_of_a_killed_log_is_cut_off(tmp_path: Path) -> None:
    RunFolder(tmp_path / "run", recipe={}).log(note="whole")
    with (tmp_path / "run" / "log.jsonl").open("a") as file:
        file.write('{"note": "ha')
    RunFolder(tmp_path / "run", recipe={}, resume=True).log(note="after")
    lines = [json.loads(line)["note"] for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert lines == ["whole", "after"]


def test_a_run_with_other_settings_says_which_and_what_they_are(tmp_path: Path) -> None:
    RunFolder(tmp_path / "run", recipe={"rate": 1, "net": {"width": 8, "names": "x" * 50}})
    asked = {"rate": 1, "net": {"width": 16, "names": "y" * 50}}
    with pytest.raises(BadInputError, match=r"other settings: net\.names, net\.width \(8 there, 16 now\)\n"):
        RunFolder(tmp_path / "run", recipe=asked, resume=True)


def test_a_recipe_of_an_earlier_release_is_compared_in_the_words_of_this_one(tmp_path: Path) -> None:
    RunFolder(tmp_path / "run", recipe={"old": 1})
    RunFolder(tmp_path / "run", recipe={"new": 1}, resume=True, today=lambda held: {"new": held["old"]})
