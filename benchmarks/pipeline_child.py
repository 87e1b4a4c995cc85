"""What `pipeline_speed.py` runs in a process of its own, also with an earlier commit: one verb, its processor time.

Run by it as: python benchmarks/pipeline_child.py VERB PHOTOS OUT [WORKERS] [DETECTOR]. Prints JSON.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
import time
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


class Others(threading.Thread):
    """Looks at the processor time and the memory of all other processes of this session, again and again."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seconds: dict[int, float] = {}
        self.memory: dict[int, int] = {}
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.1):
            self.look()

    def look(self) -> None:
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            pid = int(path.parent.name)
            if int(fields[3]) == os.getsid(0) and pid != os.getpid():
                self.seconds[pid] = (int(fields[11]) + int(fields[12])) / _TICKS
                self.memory[pid] = max(self.memory.get(pid, 0), int(fields[21]) * resource.getpagesize())


def _held() -> int:
    """Bytes of memory of this process now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def main() -> None:
    verb, photos, out, workers, detector = (*sys.argv[1:], "", "")[:5]
    import torch

    import facewarden

    torch.set_num_threads(1)
    import cv2

    cv2.setNumThreads(1)
    more = {"workers": int(workers)} if workers else {}

    def run(source: Path, target: Path) -> object:
        if verb == "purify":
            return facewarden.purify(source, out=target, **more)
        if verb == "purify_pixels":
            return facewarden.purify(source, out=target, purifier="jpeg", region="photo", **more)
        if verb == "cloak":
            return facewarden.cloak(source, out=target, **more)
        return facewarden.score(source, detector=detector, out=target.with_suffix(".csv"), **more)

    folder, target = Path(photos), Path(out)
    # what is done once is not what is measured: imports, and kernels that are made for each size of a batch
    warm = sorted(folder.iterdir())[0] if verb == "purify_pixels" else folder
    run(warm, target.with_name(f"{target.name}-warm"))
    watch = Others()
    watch.look()
    before = dict(watch.seconds)
    watch.start()
    memory = _held()
    started, wall = time.process_time(), time.perf_counter()
    run(folder, target)
    own, wall = time.process_time() - started, time.perf_counter() - wall
    watch.ended.set()
    watch.join()
    others = [spent - before.get(pid, 0.0) for pid, spent in watch.seconds.items()]
    told = {
        "seconds": own + sum(others), "wall": wall, "own": own, "others": sorted(others),
        "memory_before": memory, "memory": _held(),
        "memory_of_others": sorted(watch.memory.values()),
    }  # fmt: skip
    print(json.dumps(told))


if __name__ == "__main__":
    main()
