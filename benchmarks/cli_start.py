"""Processor time of help and `list`, relative to `import tyro` in the same run.

Run: python benchmarks/cli_start.py [--rounds 5]

Each command runs in a process of its own; the processor time of that process counts, and the smallest of the rounds is
taken, so that other work on the machine does not. Prints one line a command: seconds, and the ratio, which is to be at
most 2 for help.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from facewarden.cli import verbs
from facewarden.cli.parts.commands import sub_verbs


def processor_time(words: list[str], rounds: int) -> float:
    """Smallest user and system time of a Python process, in seconds."""
    found = []
    for _ in range(rounds):
        before = os.times()
        subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
        after = os.times()
        found.append(after.children_user - before.children_user + after.children_system - before.children_system)
    return min(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    unit = processor_time(["-c", "import tyro"], rounds)
    print(f"{'import tyro':<40} {unit:6.3f} s")
    calls = [["--help"], ["list"]]
    for verb in verbs():
        calls += [[verb, "--help"], *([verb, name, "--help"] for name in sub_verbs(verb))]
    for call in calls:
        seconds = processor_time(["-m", "facewarden", *call], rounds)
        print(f"{' '.join(call):<40} {seconds:6.3f} s  {seconds / unit:5.2f}")


if __name__ == "__main__":
    main()
