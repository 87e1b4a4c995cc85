"""Running the blocks of a page as its reader would: commands of shell in one folder, Python with names that stay."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from facewarden.cli import main
from pages.blocks import Block

EXIT_CODE = re.compile(r"# exit code (\d+)")
SHELLS, SHOWN = ("sh", "bash", "console"), ("text", "")


def run(block: Block, names: dict[str, Any]) -> int:
    """Run a block in the current folder; returns how many of its commands were not run.

    Args:
        block: of any language; JSON and YAML are read, text is shown to people alone.
        names: names of the page's Python blocks, which stay for the next one. A block whose first line is a comment
            with the name of a file, `# my.py`, writes that file.
    """
    if block.file:
        Path(block.file).write_text(block.source, encoding="utf-8")
    if block.language in SHELLS:
        return sum(_command(block, number, line) for number, line in enumerate(block.commands, start=1))
    if block.language == "python":
        _python(block, names)
    elif block.language == "json":
        json.loads(block.source)
    elif block.language == "yaml":
        yaml.safe_load(block.source)
    elif block.language not in SHOWN:
        raise AssertionError(f"{block.page.name}:{block.line}: nobody runs blocks of {block.language!r}")
    return 0


def _python(block: Block, names: dict[str, Any]) -> None:
    if named := re.match(r"# (\w+\.py)\n", block.source):
        Path(named[1]).write_text(block.source, encoding="utf-8")
    else:
        code = compile("\n" * block.line + block.source, str(block.page), "exec")  # a traceback names the page's line
        if block.reason(1) is None:
            exec(code, names)


def _command(block: Block, number: int, line: str) -> int:
    if block.reason(number) is not None:
        return 1
    words, place = shlex.split(line, comments=True), f"{block.page.name}:{block.line}: {line}"
    expected = int(found[1]) if (found := EXIT_CODE.search(line)) else 0
    if words[0] == "facewarden" and not any(set(word) <= set("|&;<>()") for word in _split(line)):
        code = main(words[1:])  # in this process: importing torch for each command would take most of the time
    else:
        code = subprocess.run(["bash", "-c", line], env=_environment(), check=False).returncode
    assert code == expected, f"{place}: exit code {code}"
    return 0


def _split(line: str) -> list[str]:
    """The words of a line with operators of the shell as words of their own; those in quotes are no operators."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.commenters = "#"
    return list(lexer)


def _environment() -> dict[str, str]:
    """The environment with `facewarden` and `python` of this interpreter on its PATH."""
    binaries = Path(".binaries").resolve()
    binaries.mkdir(exist_ok=True)
    for name, words in (("python", ""), ("facewarden", "-m facewarden ")):
        (binaries / name).write_text(f'#!/bin/sh\nexec {sys.executable} {words}"$@"\n', encoding="utf-8")
        (binaries / name).chmod(0o755)
    return {**os.environ, "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}"}
