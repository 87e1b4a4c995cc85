"""A process that makes and reads inputs of the fuzz corpus: one line in, one line out; killed where it does not end."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fuzz.case import (
    DroppedError,
    Family,
    FuzzInput,
    Outcome,
    RefusedError,
    Result,
    WrongError,
    family_of,
    generator,
)

ADDRESS_SPACE = 8 * 2**30
"""More than this above its start is refused by the system, so that no input takes the machine with it."""


_MEMORY = Path("/dev/shm")  # thousands of small files need no disk


def families(kind: str) -> Mapping[str, Family]:
    """The generators of one kind of input."""
    found: Mapping[str, Family] = importlib.import_module(f"fuzz.{MODULES[kind]}").FAMILIES
    return found


MODULES = {
    "pictures": "pictures",
    "tables": "tables",
    "plans, cards, recipes": "settings",
    "arrays": "arrays",
    "networks": "networks",
    "servers": "servers",
}


def run_one(kind: str, number: int, *, seed: int, folder: Path) -> Outcome:
    """Make one input, read it, and say what became of it.

    Args:
        kind: of `MODULES`.
        number: of the input; it decides the generator.
        seed: of the corpus.
        folder: empty.
    """
    name = family_of(families(kind), number)
    made = families(kind)[name](generator(seed, kind, number), folder)
    _forget_peak()
    started, used = time.monotonic(), _processor_time()
    result, text = judged(made)
    seconds = time.monotonic() - started if kind == "servers" else _processor_time() - used
    return Outcome(kind, number, name, result, text[:2000], round(seconds, 3), round(_peak(), 1))


def judged(made: FuzzInput) -> tuple[Result, str]:
    """Read an input and compare what happens with what may happen."""
    from facewarden.core.errors import FacewardenError

    try:
        made.read()
    except (FacewardenError, RefusedError) as error:
        if (cause := _memory(error)) is not None:
            return "crash", f"out of memory behind {error}: {cause!r}"
        said = str(error)
        if not any(name in said for name in made.names):
            return "unnamed", said
        return ("wrong", f"whole, but refused: {said}") if made.wants == "read" else ("refused", said)
    except DroppedError as error:
        return "dropped", str(error)
    except WrongError as error:
        return "wrong", str(error)
    except Exception:  # what this corpus looks for
        return "crash", traceback.format_exc()[-1900:]
    return ("wrong", "read, though it cannot be right") if made.wants == "refused" else ("read", "")


def _memory(error: BaseException | None) -> BaseException | None:
    """A MemoryError that an error for bad input hides."""
    while error is not None:
        if isinstance(error, MemoryError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _processor_time() -> float:
    """Seconds that this process and its ended children computed."""
    return sum(os.times()[:4])


def _forget_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak() -> float:
    """Largest resident memory since `_forget_peak`, in MiB; since the start where the system cannot tell."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _limit() -> None:
    with contextlib.suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        bound = pages * resource.getpagesize() + ADDRESS_SPACE
        resource.setrlimit(resource.RLIMIT_AS, (bound, bound))


def main() -> None:
    """Answer requests until there are no more."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever prints must not reach the answers
    import torch

    torch.set_num_threads(1)
    _limit()
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        folder = Path(tempfile.mkdtemp(prefix="fuzz-", dir=_MEMORY if _MEMORY.is_dir() else None))
        keep = asked.get("keep")
        try:
            inner = folder / "given"
            inner.mkdir()
            found = run_one(asked["kind"], asked["number"], seed=asked["seed"], folder=inner)
            if keep:
                shutil.copytree(inner, Path(keep) / f"{asked['kind']}-{asked['number']}", symlinks=True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        answers.write(json.dumps(asdict(found)) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
