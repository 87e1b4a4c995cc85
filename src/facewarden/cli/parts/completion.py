"""Completion scripts for shells, written from the signatures of all commands."""

from __future__ import annotations

import shlex
from typing import Literal

from facewarden.cli.parts.commands import load_command, sub_verbs, verbs
from facewarden.cli.parts.options import options_of

_SHARED = ("--help", "--verbose", "--quiet", "--json")
_BASH = """\
_facewarden() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" words
  local verb="${{COMP_WORDS[1]}}"
  [ "$COMP_CWORD" -gt 2 ] && verb="$verb ${{COMP_WORDS[2]}}"
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then words={verbs}
  else
    case "$verb" in
{cases}
    esac
  fi
  if [[ "$current" == -* || "$COMP_CWORD" -eq 1 || "$words" != -* ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  fi
}}
complete -o default -F _facewarden facewarden
"""
_ZSH = "autoload -Uz compinit bashcompinit; (( $+functions[compdef] )) || compinit; bashcompinit\n"


def script(shell: Literal["bash", "zsh", "fish"]) -> str:
    """A completion script.

    Args:
        shell: whose.
    """
    if shell == "fish":
        return _fish()
    return (_ZSH if shell == "zsh" else "") + _bash()


def _bash() -> str:
    cases = []
    for verb in verbs():
        below = sub_verbs(verb)
        for name in below:
            words = " ".join(_flags(verb, name))
            cases.append(f"      {shlex.quote(f'{verb} {name}')}*) words={shlex.quote(words)} ;;")
        words = " ".join([*below, "--help"] if below else _flags(verb))
        cases.append(f"      {verb}|{shlex.quote(verb + ' ')}*) words={shlex.quote(words)} ;;")
    return _BASH.format(verbs=shlex.quote(" ".join(verbs())), cases="\n".join(cases))


def _fish() -> str:
    lines = []
    for verb, summary in verbs().items():
        lines.append(_line("__fish_use_subcommand", "-f -a", verb, summary))
        below = sub_verbs(verb)
        for name, about in below.items():
            unsaid = f"__fish_seen_subcommand_from {verb}; and not __fish_seen_subcommand_from {' '.join(below)}"
            lines.append(_line(unsaid, "-f -a", name, about))
            said = f"__fish_seen_subcommand_from {verb}; and __fish_seen_subcommand_from {name}"
            lines += [_line(said, "-l", flag[2:]) for flag in _flags(verb, name)]
        if not below:
            lines += [_line(f"__fish_seen_subcommand_from {verb}", "-l", flag[2:]) for flag in _flags(verb)]
    return "\n".join(lines) + "\n"


def _line(condition: str, option: str, word: str, about: str = "") -> str:
    end = f" -d {shlex.quote(about)}" if about else ""
    return f"complete -c facewarden -n {shlex.quote(condition)} {option} {shlex.quote(word)}{end}"


def _flags(*words: str) -> tuple[str, ...]:
    options = options_of(load_command(*words).entry)
    return (*(one.flag for one in options if not one.positional), *_SHARED)
