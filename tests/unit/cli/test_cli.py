"""The command line: help without torch, exit codes, errors that say what to type."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest

import facewarden
from facewarden.cli import main, verbs
from facewarden.cli.data.import_ import import_
from facewarden.cli.parts.progress import on_stderr
from facewarden.core.progress import shown_by, track
from facewarden.data.captures import capture_sets

VERBS = (
    "attack",
    "audit",
    "cloak",
    "cloak-pairs",
    "completion",
    "data",
    "doctor",
    "evaluate",
    "fetch",
    "list",
    "purify",
    "report",
    "score",
    "simulate",
    "train",
)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "facewarden", *arguments], capture_output=True, text=True, check=False)


def test_every_promised_verb_is_there_and_described() -> None:
    found = verbs()
    assert set(VERBS) <= set(found)
    assert all(summary.endswith(".") and len(summary) > 20 for summary in found.values())


def test_help_and_list_import_no_torch() -> None:
    code = """
        import io, sys
        from contextlib import redirect_stdout
        from facewarden.cli import main
        calls = [["--help"], ["--version"], ["list"], ["list", "attacks"], ["list", "assets", "--json"]]
        for call in calls:
            with redirect_stdout(io.StringIO()) as printed:
                status = main(call)
            heavy = sorted({name.split(".")[0] for name in sys.modules}
                           & {"torch", "timm", "cv2", "sklearn", "onnx", "matplotlib", "fastapi", "sqlalchemy"})
            if status or heavy or not printed.getvalue().strip():
                sys.exit(f"{call}: exit code {status}, imported {heavy}")
    """
    process = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr


def test_list_as_json_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "purifiers", "--json"]) == 0
    names = {entry["name"] for entry in json.loads(capsys.readouterr().out)}
    assert {"identity", "jpeg", "gaussian_blur", "median"} <= names


def test_unknown_verb_offers_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audti"]) == 2
    assert "did you mean audit" in capsys.readouterr().err


def test_unknown_registry_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "atacks"]) == 2
    assert "did you mean attacks" in capsys.readouterr().err


def test_a_wrong_option_exits_with_two() -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["list", "--jason"])
    assert stopped.value.code == 2


@pytest.mark.parametrize("verb", [["score"], ["purify"], ["evaluate", "scores"]])
def test_several_files_in_place_of_one_are_told_what_to_type(
    verb: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([*verb, "a.png", "b.png", "c.png"])
    assert stopped.value.code == 2
    assert "  -> 1 of these 3 is taken; several photos are given as their folder" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*verb, "a.png", "--no-such-option"])
    assert "is taken" not in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    from facewarden import __version__

    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == f"facewarden {__version__}"


def test_each_verb_is_a_public_function() -> None:
    functions = {name for name in facewarden.__all__ if not name.startswith(("_", "load_", "data_", "evaluate_"))}
    # functions of `data` are `data_NAME`, and `list` is a built-in; `completion` is the shell's; `serve` does not
    # return, and `keys` are of its database
    others = {"completion", "data", "list", "serve", "keys"}
    assert {name.replace("_", "-") for name in functions} | others == set(verbs())


def test_progress_is_plain_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with on_stderr() as sink, shown_by(sink):
        assert list(track(range(8), label="counting")) == list(range(8))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "counting: 8"
    assert [line.split(",")[0] for line in lines[1:]] == [
        "counting: 2 of 8",
        "counting: 4 of 8",
        "counting: 6 of 8",
        "counting: 8 of 8",
    ]


def test_progress_counts_samples_not_batches(capsys: pytest.CaptureFixture[str]) -> None:
    batches = [list(range(32))] * 6 + [[1]]  # eleven of the 204 could not be read
    with on_stderr() as sink, shown_by(sink):
        assert len(list(track(batches, label="scoring", total=204, unit="captures", size=len))) == 7
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "scoring: 204 captures"
    assert [line.split(",")[0] for line in lines[1:]] == [
        "scoring: 64 of 204 captures",
        "scoring: 128 of 204 captures",
        "scoring: 160 of 204 captures",
        "scoring: 204 of 204 captures",
    ]


def test_progress_costs_nothing_when_nobody_looks() -> None:
    assert list(track(iter("abc"), label="quiet")) == ["a", "b", "c"]


def test_a_defect_is_not_mistaken_for_a_failed_gate(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from facewarden.cli import doctor

    def broken() -> None:
        raise RuntimeError("oops")

    monkeypatch.setattr(doctor, "entry", broken)
    assert main(["doctor"]) == 70
    error = capsys.readouterr().err
    assert "oops" in error
    assert "please report" in error


def test_the_help_of_data_names_every_set_that_it_can_import() -> None:
    words = str(import_.__doc__)
    assert [name for name in capture_sets() if name not in words] == []
