"""Print what makes a shell complete verbs and options: `eval "$(facewarden completion bash)"`."""

from __future__ import annotations

from typing import Literal

from facewarden.cli.parts.outcome import Outcome


def completion(shell: Literal["bash", "zsh", "fish"], /) -> Outcome:
    """Print a completion script of verbs, sub-verbs and options.

    bash and zsh: eval "$(facewarden completion bash)" in the shell's start file. fish: facewarden completion fish |
    source.

    Args:
        shell: whose script.
    """
    from facewarden.cli.parts.completion import script

    text = script(shell)
    return Outcome({"shell": shell, "script": text}, text.splitlines())


entry = completion
