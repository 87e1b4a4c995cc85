"""Help: of the root, verbs and sub-verbs, without importing anything heavy, with groups and readable defaults."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Annotated, Literal

import pytest

from facewarden.cli import main, verbs
from facewarden.cli.parts.commands import Command, load_command, sub_verbs
from facewarden.cli.parts.help import command_help
from facewarden.cli.parts.options import options_of
from facewarden.cli.parts.outcome import Outcome

COMMANDS = [[verb, *rest] for verb in verbs() for rest in ([[name] for name in sub_verbs(verb)] or [[]])]


def sample(
    captures: Annotated[str, "CAPTURES"],
    /,
    *,
    out: Path | None = None,
    names: tuple[str, ...] = (),
    both: tuple[str, ...] = ("a", "b"),
    seed: int = 0,
    kind: Literal["x", "y"] = "x",
    gate: bool = True,
) -> Outcome:
    """Show how help looks.

    Args:
        captures: where to start
            from.
        out: file to write.
        names, both: several.
        seed: of everything.
        kind: x or y.
        gate: leave the gate out.
    """
    return Outcome({"captures": captures})


def test_no_help_imports_torch_numpy_or_duckdb_nor_even_the_parser() -> None:
    code = """
        import io, sys
        from contextlib import redirect_stdout
        from facewarden.cli import main, verbs
        from facewarden.cli.parts.commands import sub_verbs
        calls = [["--help"], ["help", "sources"]]
        for verb in verbs():
            calls += [[verb, "--help"], *([verb, name, "--help"] for name in sub_verbs(verb))]
        for call in calls:
            with redirect_stdout(io.StringIO()) as printed:
                status = main(call)
            heavy = sorted({name.split(".")[0] for name in sys.modules}
                           & {"torch", "numpy", "duckdb", "pydantic", "PIL", "rich", "tyro", "jinja2", "cv2"})
            if status or heavy or not printed.getvalue().strip():
                sys.exit(f"{call}: exit code {status}, imported {heavy}")
    """
    process = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_help_of_every_command_says_every_option_and_explains_it(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--help"]) == 0
    printed = capsys.readouterr().out
    for option in options_of(load_command(*words).entry):
        assert option.positional or option.flag in printed
        assert len(option.help) > 5, f"{option.name} is not explained"
    assert "None" not in printed
    assert "(default: )" not in printed
    assert "--quiet" in printed


def test_optional_flags_and_empty_defaults_are_said_in_words() -> None:
    lines = command_help(Command("sample", sample, {"lists": ("names", "both")})).splitlines()
    words = " ".join(" ".join(lines).split())
    assert lines[0] == "usage: facewarden sample CAPTURES [options]"
    assert "CAPTURES where to start from (required)" in words
    assert "--out PATH (optional) file to write (default: none)" in words
    assert "--names TEXT ... (optional) several (default: none)" in words
    assert "--both TEXT ... several (default: a b)" in words
    assert "--seed INTEGER of everything (default: 0)" in words
    assert "--kind x|y x or y (default: x)" in words
    assert "--no-gate leave the gate out" in words
    assert lines.index("options:") < lines.index("lists:") < lines.index("options of every verb:")


def test_attack_has_its_options_in_groups(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["attack", "--help"]) == 0
    printed = capsys.readouterr().out
    for heading, flag in (("models:", "--victims"), ("budget:", "--eps"), ("where gradients are read:", "--sfa")):
        assert flag in printed.split(f"\n{heading}\n")[1].split("\n\n")[0]


@pytest.mark.parametrize("verb", ["evaluate", "data"])
def test_a_verb_with_sub_verbs_lists_them(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    printed = capsys.readouterr().out
    assert all(f"\n  {name} " in printed for name in sub_verbs(verb))
    assert main([verb]) == 2
    assert main([verb, "chek"]) == 2


def test_help_sources_prints_the_grammar_in_its_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "sources"]) == 0
    printed = capsys.readouterr().out
    places = [printed.index(form) for form in ("http://", "existing path", "FILE.py:NAME", "NAME:PATH", "\n  NAME ")]
    assert places == sorted(places)


WRONG = {
    "attack": ["absent.csv"],
    "audit": ["--faces", "lwf:absent"],
    "bench": ["cloaking_lf"],
    "calibrate": ["multi_cn", "--bona-fide", "."],
    "card": ["absent.onnx"],
    "certify": [".", "--detector", "multi_cn"],
    "cloak": ["absent", "--out", "o"],
    "cloak-pairs": ["absent", "--out", "o"],
    "compare": ["absent.csv", "absent.parquet"],
    "completion": ["tcsh"],
    "data boxes": ["absent", "--out", "o.csv"],
    "data check": ["absent"],
    "data from-folders": ["absent", "--out", "o.csv"],
    "data import": ["wmca:absent", "--out", "o.csv"],
    "data split": ["absent.csv", "--out", "o.csv"],
    "data template": ["pair"],
    "distill": ["absent.json", "--out", "o", "--faces", "."],
    "evaluate cloaking": ["--dataset", "absent"],
    "evaluate scores": ["absent.csv"],
    "evaluate identification": ["--gallery", "absent", "--probes", "."],
    "evaluate comparisons": ["absent.csv"],
    "evaluate presentation": ["--scores", "absent.csv"],
    "evaluate verification": ["--recognizer", "x/y.onnx"],
    "explain": [".", "--detector", "multi_cn", "--out", "o"],
    "export": ["multi_cn", "onnx", "--out", "o"],
    "fetch": ["yunett"],
    "freeze": ["absent", "--out", "o.json"],
    "list": ["pads"],
    "keys add": ["me", "--database", "mysql://absent"],
    "keys list": ["--database", "mysql://absent"],
    "keys revoke": ["me", "--database", "mysql://absent"],
    "launch": ["audit"],
    "merge": ["absent", "--out", "o"],
    "monitor": ["absent"],
    "plan-test": ["--finished", "absent.json"],
    "purify": [".", "--out", "o", "--purifier", "jpg"],
    "report": ["absent"],
    "score": ["absent/photo.png"],
    "serve": ["--detector", "multi_cn"],
    "sfa": [".", "--detector", "multi_cn", "--out", "o"],
    "simulate": ["o", "--faces", "absent"],
    "train": ["multi_cn", "--out", "o"],
    "unseal": ["absent.json", "--run", ".", "--out", "o"],
}
"""Command -> a name or path that leads nowhere; doctor takes none."""
ALSO = (
    ["score", ".", "--device", "gpu"],
    ["audit", "--bona-fide", "absent", "--attacks", "."],
    ["evaluate", "presentation", "--bona-fide", ".", "--attacks", ".", "--subject", "folder"],
    ["attack", "--subject", "level:1"],
    ["score", ".", "--set", "recognizer.order=BGR"],
    ["train", "--out", "o", "--captures", "absent.csv"],
    ["bench", "absent.yaml"],
    ["cloak", "clip.mp4", "--out", "o"],
    ["score", "https://example.org/face.jpg"],
)


def test_a_wrong_name_path_or_flag_of_any_verb_is_told_before_torch_is_imported(tmp_path: Path) -> None:
    assert {" ".join(words) for words in COMMANDS} == {*WRONG, "doctor"}
    calls = [[*command.split(), *words] for command, words in WRONG.items()]
    flags = [[*words, "--nonesuch", "1"] for words in COMMANDS]
    code = f"""
        import sys
        from facewarden.cli import main
        for call in {[*calls, *ALSO, *flags]!r}:
            try:
                code = main(call)
            except SystemExit as stop:
                code = stop.code
            if code != 2:
                sys.exit(f"{{call}} ended with {{code}}")
            if "torch" in sys.modules:
                sys.exit(f"{{call}} imported torch")
    """
    process = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert process.returncode == 0, process.stderr
    said = (
        "no detector 'multi_cn'; did you mean multi_cnn",
        "absent/photo.png: no such file",
        "did you mean lfw",
        "unknown device 'gpu'",
        "no plan 'cloaking_lf'; did you mean cloaking_lfw",
        "clip.mp4: is a video",
        "is a URL, not a photo",
        "no recipe 'multi_cn'; did you mean multi_cnn",
    )
    for words in said:
        assert words in process.stderr, words


def test_the_readme_names_every_verb() -> None:
    page = Path(__file__).resolve().parents[3] / "README.md"
    first = [row.split("|")[1] for row in page.read_text(encoding="utf-8").splitlines() if row.startswith("| `")]
    assert set(verbs()) <= {name for cell in first for name in re.findall(r"`([a-z-]+)`", cell)}
