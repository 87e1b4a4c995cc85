"""A Ray cluster of two nodes on this machine: a node that dies costs nothing and repeats nothing."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import facewarden
from facewarden.data.table import read_table
from facewarden.verbs.scaling.launch import launch

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
ray = pytest.importorskip("ray")


@pytest.fixture
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        yield made
    finally:
        ray.shutdown()
        made.shutdown()


def while_it_runs(started: Callable[[], bool], act: Callable[[], None]) -> threading.Thread:
    """Act once something has begun."""

    def wait() -> None:
        while not started():
            time.sleep(0.2)
        act()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def files(folder: Path) -> dict[str, bytes]:
    left_out = {"merged.json", "purified.jsonl"}
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in left_out)
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_a_node_killed_while_photos_are_purified(cluster: Any, tmp_path: Path) -> None:
    source, out, home = tmp_path / "photos", tmp_path / "clean", tmp_path / "clean.shards"
    source.mkdir()
    rng = np.random.default_rng(0)
    for number in range(120):
        Image.fromarray(rng.integers(0, 255, (160, 160, 3), dtype=np.uint8)).save(source / f"{number}.png")
    node = cluster.add_node(num_cpus=1)

    def begun() -> bool:
        return len(list(home.glob("*/*.png"))) >= 10

    killed = while_it_runs(begun, lambda: cluster.remove_node(node, allow_graceful=False))
    command = f"purify {source} --out {out} --purifier non_local_means --region photo --device cpu"
    result = launch(command, engine="ray", shards=6, address=cluster.address)
    killed.join(timeout=5)
    assert not killed.is_alive()
    facewarden.purify(source, out=tmp_path / "whole", purifier="non_local_means", region="photo")
    assert (result.done, result.merged.items) == (6, 120)
    assert files(out) == files(tmp_path / "whole")  # nothing lost, equal bytes
    assert max(Counter(read_table(out / "purified.csv")["source"]).values()) == 1  # nothing twice


PLAN = """
kind: presentation
title: Floors
data:
  simulate: {subjects: 20, captures_per_subject: 4, size: 96, seed: 5}
whole_target: true
seeds: [0]
scored_epochs: last
methods:
  chance: {recipe: chance, label: chance}
  thumbnail: {recipe: thumbnail_ridge, label: ridge}
  texture: {recipe: texture_ridge, label: texture}
parts:
  - title: Floors
    methods: [chance, thumbnail, texture]
    protocols: [bcd_a, acd_b]
    baseline: thumbnail
"""


def kill_a_worker() -> None:
    """End a process in which Ray runs a share, as a lack of memory does."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cmdline").read_bytes().startswith(b"ray::run_job"):
                os.kill(int(process.name), signal.SIGKILL)
                return


def test_a_plan_over_two_nodes_with_a_killed_worker(cluster: Any, tmp_path: Path) -> None:
    cluster.add_node(num_cpus=1)
    plan, out, home = tmp_path / "plan.yaml", tmp_path / "run", tmp_path / "run.shards"
    plan.write_text(PLAN)
    killed = while_it_runs(lambda: bool(list(home.glob("*/cells/*/cell.json"))), kill_a_worker)
    result = launch(f"bench {plan} --out {out} --device cpu", engine="ray", shards=2, address=cluster.address)
    killed.join(timeout=5)
    assert not killed.is_alive()
    facewarden.bench(plan, out=tmp_path / "whole", device="cpu")
    assert (result.shards, result.merged.items) == (2, 6)
    assert (out / "summary.json").read_bytes() == (tmp_path / "whole" / "summary.json").read_bytes()
