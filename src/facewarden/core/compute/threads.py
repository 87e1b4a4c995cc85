"""One thread for each process that computes: workers side by side, and the same bits for any number of them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch and OpenCV compute in one thread inside the block, and as before after it."""
    opencv = sys.modules.get("cv2")
    before = torch.get_num_threads(), 0 if opencv is None else opencv.getNumThreads()
    use_one_thread()
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        if opencv is not None:
            opencv.setNumThreads(before[1])


def use_one_thread() -> None:
    """Let torch, and OpenCV where it is loaded, compute in one thread from now on."""
    torch.set_num_threads(1)
    opencv = sys.modules.get("cv2")
    if opencv is not None:
        opencv.setNumThreads(1)
