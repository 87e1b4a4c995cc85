"""Commands in shares: parsed, run, tried again, resumed and merged; on real engines where the test is slow."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import facewarden
from facewarden.cli import main
from facewarden.core.compute.shards import Shard
from facewarden.core.errors import BadInputError
from facewarden.scale.command import parse_command
from facewarden.scale.job import JobEnd, ShardJob, run_job, run_with_retries
from facewarden.scale.local import LocalEngine
from facewarden.scale.staging import Stage
from facewarden.verbs.scaling import launch as module
from facewarden.verbs.scaling.launch import launch, parse_resources


@pytest.mark.parametrize(
    ("command", "verb", "out", "source"),
    [
        ("facewarden purify photos --out clean", "purify", "clean", "photos"),
        ("score m.csv --out=s.parquet --detector x", "score", "s.parquet", "m.csv"),
        ("simulate runs/set --subjects 4", "simulate", "runs/set", None),
        ("evaluate verification --dataset orl --run r", "evaluate verification", "r", None),
        (["bench", "plan", "--out", "a b"], "bench", "a b", "plan"),
    ],
)
def test_a_command_is_read(command: str | list[str], verb: str, out: str, source: str | None) -> None:
    parsed = parse_command(command)
    assert (parsed.verb, parsed.out, parsed.source) == (verb, out, source)


def test_the_line_of_a_share() -> None:
    line = parse_command("purify photos --out clean").line(Shard(2, 3), out="there", workers=1)
    assert line == ("purify", "photos", "--out", "there", "--shard", "2/3", "--workers", "1")
    own = parse_command("purify photos --out=clean --workers 4").line(Shard(1, 2), out="there", workers=1)
    assert own == ("purify", "photos", "--out=there", "--workers", "4", "--shard", "1/2")
    assert "--resume" in parse_command("bench p --out o").line(Shard(1, 2), out="o1")
    assert parse_command("score m.csv --out s.csv").share_out(Shard(1, 2), below="s") == "s/1-of-2/s.csv"


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("audit --out x", "audit cannot be shared out"), ("", "nothing cannot be shared out"),
        ("purify photos", "purify without --out"), ("simulate", "without a folder"),
        ("purify p --out o --shard 1/2", "--shard of its own"),
        ("evaluate cloaking --dataset orl --run r --out=o", "nothing is written into --out by shares"),
    ],
)  # fmt: skip
def test_what_cannot_be_shared_out_is_told(command: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BadInputError, match=told):
        parse_command(command)
    assert main(["launch", command]) == 2
    assert told in capsys.readouterr().err


def test_resources_are_read() -> None:
    assert parse_resources(["num_gpus=0.5", "slurm_partition=gpu"]) == {"num_gpus": 0.5, "slurm_partition": "gpu"}
    with pytest.raises(BadInputError, match="not key=value"):
        parse_resources(["gpus"])


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    source = tmp_path / "photos"
    source.mkdir()
    for number in range(7):
        Image.new("RGB", (40, 40), (20 * number, 90, 10)).save(source / f"{number}.png")
    return source


class Here:
    """An engine of this process that loses the first try of some shares."""

    def __init__(self, *, losses: dict[int, int]) -> None:
        self.losses, self.tried = losses, list[int]()

    def __call__(self, jobs: Sequence[ShardJob]) -> Iterator[JobEnd]:
        for job in jobs:
            self.tried.append(job.shard.number)
            if self.losses.get(job.shard.number, 0):
                self.losses[job.shard.number] -= 1
                yield JobEnd(job, "lost")
            else:
                assert main([*job.words, "--quiet"]) == 0
                yield JobEnd(job)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def whole(photos: Path, tmp_path: Path) -> dict[str, bytes]:
    facewarden.purify(photos, out=tmp_path / "whole", purifier="jpeg", region="photo", workers=1)
    return files(tmp_path / "whole")


def same(out: Path, whole: dict[str, bytes]) -> bool:
    found = files(out)
    del found["merged.json"]
    return {n: b for n, b in found.items() if n != "purified.jsonl"} == {
        n: b for n, b in whole.items() if n != "purified.jsonl"
    }


def test_shares_are_run_tried_again_and_merged(
    photos: Path, tmp_path: Path, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Here(losses={2: 1})
    monkeypatch.setattr(module, "_engine", lambda *_: engine)
    command = f"purify {photos} --out {tmp_path / 'clean'} --purifier jpeg --region photo"
    result = launch(command, shards=3)
    assert (result.shards, result.done, result.merged.items) == (3, 3, 7)
    assert engine.tried == [1, 2, 3, 2]
    assert same(tmp_path / "clean", whole)
    assert not (tmp_path / "clean.shards").exists()


def test_a_launch_goes_on_with_what_is_done(
    photos: Path, tmp_path: Path, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = f"purify {photos} --out {tmp_path / 'clean'} --purifier jpeg --region photo"
    monkeypatch.setattr(module, "_engine", lambda *_: Here(losses={3: 9}))
    with pytest.raises(BadInputError, match="1 of 3 shares failed:\n  3/3: lost"):
        launch(command, shards=3)
    engine = Here(losses={})
    monkeypatch.setattr(module, "_engine", lambda *_: engine)
    with pytest.raises(BadInputError, match="shares of another command"):
        launch(command, shards=4)
    assert launch(command, shards=3, keep=True).done == 1
    assert engine.tried == [3]
    assert same(tmp_path / "clean", whole)
    assert len(list((tmp_path / "clean.shards").glob("*/purified.csv"))) == 3


def test_shares_that_were_kept_are_of_the_past(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = f"purify {photos} --out {tmp_path / 'clean'} --purifier jpeg --region photo"
    monkeypatch.setattr(module, "_engine", lambda *_: Here(losses={}))
    assert launch(command, shards=2, keep=True).done == 2
    Image.new("RGB", (40, 40), (200, 10, 10)).save(photos / "3.png")
    shutil.rmtree(tmp_path / "clean")
    monkeypatch.setattr(module, "_engine", lambda *_: Here(losses={2: 9}))
    with pytest.raises(BadInputError, match="1 of 2 shares failed"):
        launch(command, shards=2, keep=True)
    monkeypatch.setattr(module, "_engine", lambda *_: Here(losses={}))
    assert launch(command, shards=2, keep=True).done == 1  # that one was stopped, and goes on
    with Image.open(next((tmp_path / "clean").glob("3*.png"))) as made:
        assert made.getpixel((20, 20))[0] > 150  # type: ignore[index]


def test_a_share_runs_in_the_folder_of_the_launch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there, elsewhere = tmp_path / "there", tmp_path / "elsewhere"
    there.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(there)
    job = ShardJob(Shard(1, 1), ("purify", "photos", "--out", "o", "--shard", "1/1"))
    gone = ShardJob(Shard(1, 1), ("purify",), folder=tmp_path / "absent")
    monkeypatch.chdir(elsewhere)  # where Ray was started on that machine
    seen: list[Path] = []

    @contextmanager
    def following(words: Sequence[str], *, folder: Path) -> Iterator[Any]:
        seen.append(folder)
        with subprocess.Popen([sys.executable, "-c", ""], cwd=folder, stdout=subprocess.PIPE, text=True) as process:
            yield process

    monkeypatch.setattr("facewarden.scale.job.following", following)
    assert run_job(job) == JobEnd(job)
    assert "absent" in run_job(gone).error
    url = elsewhere.as_uri()
    stage = Stage(f"{url}/photos", f"{url}/clean")
    assert replace(gone, stage=stage).place == elsewhere
    assert replace(gone, stage=replace(stage, out=None)).place == tmp_path / "absent"
    assert seen[0] == there


def test_what_an_engine_needs_is_told(tmp_path: Path) -> None:
    command = f"purify photos --out {tmp_path / 'clean'}"
    for options, told in (
        ({"engine": "ray"}, "ray needs a number of shares"), ({"attempts": 0}, "attempts 0"),
        ({"address": "auto"}, "local has no address"), ({"resources": ["a=1"]}, "have no resources"),
    ):  # fmt: skip
        with pytest.raises(BadInputError, match=told):
            launch(command, **options)  # type: ignore[arg-type]


def test_retries_end() -> None:
    job = ShardJob(Shard(1, 1), ())
    tried: list[int] = []

    def engine(jobs: Sequence[ShardJob]) -> Iterator[JobEnd]:
        tried.append(len(jobs))
        yield from (JobEnd(one, "lost") for one in jobs)

    assert [end.error for end in run_with_retries(engine, [job, job], attempts=3)] == ["lost", "lost"]
    assert tried == [2, 2, 2]


def test_a_job_that_fails_tells_its_last_lines_and_its_command() -> None:
    end = run_job(ShardJob(Shard(1, 2), ("purify", "absent", "--out", "o", "--shard", "1/2"), {"LC_ALL": "C"}))
    assert "absent" in end.error
    assert end.error.endswith("-> facewarden purify absent --out o --shard 1/2")


def test_every_process_of_a_machine_has_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def run(job: ShardJob) -> JobEnd:
        seen.append(job.environment.get("CUDA_VISIBLE_DEVICES"))
        return JobEnd(job)

    monkeypatch.setattr("facewarden.scale.local.run_job", run)
    monkeypatch.setattr("facewarden.scale.local.available_devices", lambda: ("cpu", "cuda:0", "cuda:1"))
    ended = list(LocalEngine(2)([ShardJob(Shard(number, 4), ()) for number in range(1, 5)]))
    assert len(ended) == 4
    assert all(not end.job.environment for end in ended)
    assert set(seen) <= {"0", "1"}


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["local", "slurm"])
def test_real_processes(photos: Path, tmp_path: Path, whole: dict[str, bytes], engine: str) -> None:
    out = tmp_path / "clean"
    command = f"purify {photos} --out {out} --purifier jpeg --region photo --device cpu"
    more = ["--resources", "cluster=local"] if engine == "slurm" else ["--at-once", "2"]
    assert main(["launch", command, "--engine", engine, "--shards", "2", *more, "--json"]) == 0
    assert same(out, whole)
    assert json.loads((out / "merged.json").read_text())["shards"] == 2
