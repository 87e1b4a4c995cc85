"""A process that has imported the package and forks one command after another: no start of Python for each of them.

Read from standard input, a line of JSON each: {"command": [...], "cwd": ..., "log": ..., "limit": null}. Written to
standard output: {"pid": N} when a command has begun, and {"code": N} when it has ended, below 0 for a signal.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from types import MappingProxyType
from typing import Any

from facewarden.core.guards.interrupts import install

install()  # as __main__ does

import facewarden.verbs.audit  # noqa: E402
import facewarden.verbs.bench  # noqa: E402
import facewarden.verbs.cloak  # noqa: E402
import facewarden.verbs.purify  # noqa: E402
import facewarden.verbs.simulate  # noqa: E402
import facewarden.verbs.train  # noqa: E402, F401
from facewarden.__main__ import run  # noqa: E402
from facewarden.auditing import presets  # noqa: E402
from facewarden.data.simulate import SimulationSettings  # noqa: E402

SMALL = presets.Preset(
    SimulationSettings(subjects=10, captures_per_subject=4), attacked_per_class=3, budgets=(2, 8), pgd_steps=2,
    apgd_restarts=1, auto_binary=(), queries=(4, 8),
    people=5, photos_per_person=4, cloaking_people=3, cloak_steps=2, rounds=50,
)  # fmt: skip
"""The preset `quick` of these commands: every stage of an audit, each in a second or two."""


def serve() -> None:
    """Answer until the other side closes its pipe."""
    presets.PRESETS = MappingProxyType({**presets.PRESETS, "quick": SMALL})  # type: ignore[misc]  # of this process
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        asked = json.loads(line)
        pid = os.fork()
        if not pid:
            answers.close()
            _become(asked)
        print(json.dumps({"pid": pid}), file=answers, flush=True)
        print(json.dumps({"code": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}), file=answers, flush=True)


def _become(asked: dict[str, Any]) -> None:
    """Be the program with this command line, from here to its end."""
    nothing, log = os.open(os.devnull, os.O_RDWR), os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for number, handle in enumerate((nothing, nothing, log)):
        os.dup2(handle, number)
    os.chdir(asked["cwd"])
    sys.argv = ["facewarden", *asked["command"]]
    if asked["limit"] is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (asked["limit"], asked["limit"]))
    run()  # it raises SystemExit, which ends this process in the orderly way


if __name__ == "__main__":
    serve()
