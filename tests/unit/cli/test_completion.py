"""Completion scripts: the shells accept them, and bash offers verbs, sub-verbs and options."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from facewarden.cli.parts.completion import script


def offered(line: str) -> set[str]:
    """What bash offers for the last word of a line."""
    words = line.split(" ")
    ask = f"""
COMP_WORDS=({" ".join(repr(word) for word in words)}); COMP_CWORD={len(words) - 1}
_facewarden; printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    found = subprocess.run(["bash", "-c", script("bash") + ask], capture_output=True, text=True, check=True)
    return set(found.stdout.split())


@pytest.mark.parametrize(
    ("line", "some"),
    [
        ("facewarden ev", {"evaluate"}),
        ("facewarden evaluate pre", {"presentation"}),
        ("facewarden evaluate presentation --pol", {"--policy"}),
        ("facewarden attack x.csv --vict", {"--victims"}),
        ("facewarden data ", {"boxes", "check", "from-folders", "import", "split", "template", "--help"}),
        ("facewarden score photos", set()),
    ],
)
def test_bash_offers_what_can_follow(line: str, some: set[str]) -> None:
    assert offered(line) == some


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_accepts_its_script(shell: str) -> None:
    text = script(shell)  # type: ignore[arg-type]
    assert "cloak-pairs" in text
    assert "only-suspicious" in text
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=text, text=True, check=True)
