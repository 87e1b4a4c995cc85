"""Captures per second of the simulator on one core: `python benchmarks/simulate_speed.py`."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
from figures_json import write

from facewarden.data.simulate import Simulation, iter_captures

SITES = ("site_03", "site_09", "site_15", "site_21")
"""Of version 2: one for each set of instruments, all three principles; attackers are neighbors, as in a whole set."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--version", type=int, default=1, choices=(1, 2, 3))
    parser.add_argument("--subjects", type=int, help="8 of version 1, 60 (15 a site) of others")
    parser.add_argument("--captures", type=int, help="of each: 10 of version 1, 4 of others")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--out", type=Path, help="also write the figures as JSON")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    subjects, captures = (8, 10) if options.version == 1 else (60, 4)
    simulation = Simulation(
        version=options.version,
        domains=() if options.version == 1 else SITES,
        subjects=options.subjects or subjects,
        captures_per_subject=options.captures or captures,
        size=options.size,
        seed=1,
    )

    def once() -> tuple[int, float, float]:
        wall, cpu = time.perf_counter(), time.process_time()
        count = sum(1 for _ in iter_captures(simulation))
        return count, time.perf_counter() - wall, time.process_time() - cpu

    figures: dict[str, object] = {"simulated": True, "version": options.version, "size": options.size}
    # The second pass finds every person of version 1 prepared in the cache: what it takes is the captures alone. Sets
    # of version 2 have more people than the cache.
    passes = ("with the preparation of people", "captures alone")
    for name in passes if options.version == 1 else passes[:1]:
        count, wall, cpu = once()
        figures[name] = {"captures": count, "a_second": count / wall, "a_processor_second": count / cpu}
        print(f"{name}: {count / wall:.1f} captures/s ({count} of {options.size} px; {count / cpu:.1f} per CPU second)")
    write(options.out, figures)


if __name__ == "__main__":
    main()
