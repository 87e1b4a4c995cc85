"""How a verb is found and run: the names are the files beside this one."""

from __future__ import annotations

import ast
import difflib
import importlib
import inspect
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from facewarden import __version__
from facewarden.core.errors import FacewardenError

_HEAD = "facewarden: measure three threats to face recognition: presentation, perturbation, poisoning"


def verbs() -> dict[str, str]:
    """Every verb and its one-line description, read without importing any of them."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if not path.stem.startswith("_"):
            doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            found[path.stem] = doc.partition("\n")[0]
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: arguments without the program's name; those of the process by default.

    Returns:
        0 when all went well, 1 when a gate failed or a check found something, 2 on bad input, 70 on a defect of
        facewarden, 130 when interrupted.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    known = verbs()
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_overview(known))
        return 0
    if arguments[0] in ("-V", "--version"):
        print(f"facewarden {__version__}")
        return 0
    verb = arguments[0]
    if verb not in known:
        close = difflib.get_close_matches(verb, known, n=2, cutoff=0.5)
        print(
            f"facewarden: no verb {verb!r}" + (f"; did you mean {' or '.join(close)}?" if close else ""),
            file=sys.stderr,
        )
        print("  -> facewarden --help", file=sys.stderr)
        return 2
    return _run(verb, arguments[1:])


def _overview(known: dict[str, str]) -> str:
    width = max(map(len, known))
    lines = [_HEAD, "", "usage: facewarden VERB [options]      (facewarden VERB --help tells more)", ""]
    lines += [f"  {name:<{width}}  {summary}" for name, summary in known.items()]
    return "\n".join(lines)


def _gathered(arguments: list[str], flag: str) -> list[str]:
    """Join a flag that was given several times into one with all its values, which is what the parser understands."""
    kept: list[str] = []
    values: list[str] = []
    taking = False
    for argument in arguments:
        if argument == flag or argument.startswith(f"{flag}="):
            taking = argument == flag
            values += [] if taking else [argument.removeprefix(f"{flag}=")]
        elif taking and not argument.startswith("--"):
            values.append(argument)
        else:
            taking = False
            kept.append(argument)
    return [*kept, flag, *values] if values else arguments


def _again(entry: Callable[..., object]) -> str:
    """What to type after a stop: some verbs go on by themselves, others ask for it."""
    resumes = "resume" in inspect.signature(entry).parameters
    return "runs go on with --resume" if resumes else "give the same command again"


def _run(verb: str, arguments: list[str]) -> int:
    import tyro

    from facewarden.cli._progress import on_stderr
    from facewarden.core.progress import shown_by

    try:
        module = importlib.import_module(f"facewarden.cli.{verb}")
        with on_stderr() as sink, shown_by(sink):
            result = tyro.cli(
                module.entry,
                prog=f"facewarden {verb}",
                args=_gathered(arguments, "--set"),
                config=(tyro.conf.FlagCreatePairsOff,),
            )
        return int(module.show(result))
    except FacewardenError as error:
        print(f"facewarden {verb}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `facewarden list | head`
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        print(f"\nfacewarden {verb}: stopped; {_again(module.entry)}", file=sys.stderr)
        return 130
    except Exception:  # not 1: a gate that failed and a program that broke are not the same
        traceback.print_exc()
        print(
            f"facewarden {verb}: this is a defect of facewarden, please report it with the lines above", file=sys.stderr
        )
        return 70
