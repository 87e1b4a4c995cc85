"""Photos and results in a store: whole or not there, also behind a server that is busy, hangs and cuts answers."""

from __future__ import annotations

import hashlib
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import facewarden
from facewarden.cli import main
from facewarden.core.compute.shards import Shard
from facewarden.core.errors import BadInputError
from facewarden.data.table import read_table
from facewarden.scale import storage
from facewarden.scale.command import parse_command
from facewarden.scale.job import ShardJob, run_job
from facewarden.scale.staging import fetch_share, send_merged, stage_of
from facewarden.scale.storage import Store, is_url
from facewarden.verbs.scaling import launch as module
from facewarden.verbs.scaling.launch import launch
from fault_proxy import FaultProxy

fsspec = pytest.importorskip("fsspec")


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "_WAIT_SECONDS", 0.01)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    source, rng = tmp_path / "photos", np.random.default_rng(0)
    for number in range(9):
        path = source / ("album" if number % 2 else ".") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (48, 48, 3), dtype=np.uint8)).save(path)
    (source / "notes.txt").write_text("no photo")
    (source / ".hidden.png").write_bytes(b"hidden")
    return source


def test_a_store_is_listed_as_a_folder_is(photos: Path) -> None:
    keys = Store(photos.as_uri()).photos()
    assert keys == [f"{n}.png" for n in range(0, 9, 2)] + [f"album/{n}.png" for n in range(1, 9, 2)]
    assert is_url("gs://bucket/a")
    assert not is_url("photos")


def test_a_share_brings_its_photos_and_the_names_of_all(photos: Path, tmp_path: Path) -> None:
    store = Store(photos.as_uri())
    counts = [fetch_share(store, Shard(number, 2), tmp_path / str(number)) for number in (1, 2)]
    assert sum(counts) == 9
    for number in (1, 2):
        found = {
            path.relative_to(tmp_path / str(number)).as_posix(): path
            for path in (tmp_path / str(number)).rglob("*.png")
        }
        assert sorted(found) == sorted(store.photos())
        for key, path in found.items():
            mine = Shard(number, 2).holds(key)
            assert path.read_bytes() == ((photos / key).read_bytes() if mine else b"")


class Flaky:
    """A store that fails a few times before it answers, and whose answers are cut short once."""

    def __init__(self, fs: Any, *, failures: int, torn: int) -> None:
        self.fs, self.failures, self.torn = fs, failures, torn

    def __getattr__(self, name: str) -> Any:
        return getattr(self.fs, name)

    def get_file(self, path: str, target: str) -> None:
        if self.failures:
            self.failures -= 1
            raise TimeoutError("no answer")
        self.fs.get_file(path, target)
        if self.torn:
            self.torn -= 1
            data = Path(target).read_bytes()
            Path(target).write_bytes(data[: len(data) // 2])


def test_what_passes_is_tried_again_and_what_is_torn_does_not_stay(photos: Path, tmp_path: Path) -> None:
    store = Store(photos.as_uri())
    store.fs = Flaky(store.fs, failures=2, torn=2)
    store.fetch("0.png", tmp_path / "got" / "0.png")
    assert (tmp_path / "got" / "0.png").read_bytes() == (photos / "0.png").read_bytes()
    store.fs = Flaky(store.fs.fs, failures=0, torn=99)
    with pytest.raises(BadInputError, match=r"cannot read 2\.png after 6 tries: TornFileError"):
        store.fetch("2.png", tmp_path / "got" / "2.png")
    assert [path.name for path in (tmp_path / "got").iterdir()] == ["0.png"]
    with pytest.raises(BadInputError, match=r"cannot read absent\.png"):
        Store(photos.as_uri()).fetch("absent.png", tmp_path / "x.png")


class Encrypted:
    """A store whose tags have the form of an MD5 and are none, as those of objects that a key of KMS encrypts."""

    def __init__(self, fs: Any, *, wrong: int) -> None:
        self.fs, self.wrong = fs, wrong

    def __getattr__(self, name: str) -> Any:
        return getattr(self.fs, name)

    def info(self, path: str) -> dict[str, Any]:
        return {**self.fs.info(path), "ETag": f'"{hashlib.md5(path.encode(), usedforsecurity=False).hexdigest()}"'}

    def get_file(self, path: str, target: str) -> None:
        self.fs.get_file(path, target)
        if self.wrong:
            self.wrong -= 1
            data = Path(target).read_bytes()
            Path(target).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def test_a_tag_that_is_no_hash_refuses_no_file_and_hides_no_wrong_byte(photos: Path, tmp_path: Path) -> None:
    store = Store(photos.as_uri())
    store.fs = Encrypted(store.fs, wrong=0)
    store.fetch("0.png", tmp_path / "0.png")
    assert (tmp_path / "0.png").read_bytes() == (photos / "0.png").read_bytes()
    store.fs = Encrypted(store.fs.fs, wrong=2)
    store.fetch("2.png", tmp_path / "2.png")
    assert store.fs.wrong == 0
    assert (tmp_path / "2.png").read_bytes() == (photos / "2.png").read_bytes()
    there = Store((tmp_path / "there").as_uri())
    there.fs, there._local = Encrypted(there.fs, wrong=0), False
    (tmp_path / "there").mkdir()
    there.send(photos / "0.png", "0.png")
    assert (tmp_path / "there" / "0.png").read_bytes() == (photos / "0.png").read_bytes()


def test_a_file_is_whole_under_its_name(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store((tmp_path / "there").as_uri())
    store.send(photos / "0.png", "a/0.png")
    assert (tmp_path / "there" / "a" / "0.png").read_bytes() == (photos / "0.png").read_bytes()

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(storage.shutil, "copyfile", fail)
    with pytest.raises(BadInputError, match="disk full"):
        store.send(photos / "2.png", "a/0.png")
    assert (tmp_path / "there" / "a" / "0.png").read_bytes() == (photos / "0.png").read_bytes()
    assert [path.name for path in (tmp_path / "there" / "a").iterdir()] == ["0.png"]


def test_what_a_store_cannot_hold_is_told(tmp_path: Path) -> None:
    assert stage_of(parse_command("purify photos --out clean")) is None
    with pytest.raises(BadInputError, match="simulate reads and writes no store"):
        stage_of(parse_command("simulate s3://bucket/set"))
    with pytest.raises(BadInputError, match="nostore://"):
        Store("nostore://bucket/x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInputError, match="holds no photos"):
        fetch_share(Store((tmp_path / "empty").as_uri()), Shard(1, 1), tmp_path / "x")


def in_process(jobs: Any) -> Iterator[Any]:
    yield from map(run_job, jobs)


def whole(photos: Path, out: Path) -> dict[str, bytes]:
    facewarden.purify(photos, out=out, purifier="jpeg", region="photo", workers=1)
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*.png")}


@pytest.mark.slow
def test_a_launch_from_a_store_into_a_store(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_engine", lambda *_: in_process)
    expected = whole(photos, tmp_path / "whole")
    there = tmp_path / "there"
    command = f"purify {photos.as_uri()} --out {there.as_uri()}/clean --purifier jpeg --region photo --device cpu"
    result = launch(command, shards=2)
    assert (result.done, result.merged.items, result.place) == (2, 9, f"{there.as_uri()}/clean")
    found = {
        path.relative_to(there / "clean").as_posix(): path.read_bytes() for path in (there / "clean").rglob("*.png")
    }
    assert found == expected
    assert read_table(there / "clean" / "purified.csv") == read_table(tmp_path / "whole" / "purified.csv")
    assert not (there / "clean.shards").exists()


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    """A bucket of moto behind a proxy that injects faults."""
    s3fs = pytest.importorskip("s3fs")
    from moto.server import ThreadedMotoServer

    s3fs.S3FileSystem.clear_instance_cache()  # one of an earlier test knows that test's proxy
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    reset = urllib.request.Request(f"http://{host}:{port}/moto-api/reset", method="POST")
    for attempt in range(60):
        try:
            urllib.request.urlopen(reset).close()  # buckets are those of the process
            break
        except OSError:  # a busy machine takes its time to listen
            assert attempt < 59
            time.sleep(0.5)
    proxy = FaultProxy((host, port), every={})
    with proxy.serving() as url:
        for name, value in (
            ("AWS_ENDPOINT_URL", url), ("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", "y"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
        ):  # fmt: skip
            monkeypatch.setenv(name, value)
        fs = fsspec.filesystem("s3", skip_instance_cache=True)
        fs.mkdir("bucket")
        yield proxy
    server.stop()


def to_s3(photos: Path) -> None:
    store = Store("s3://bucket/photos")
    for path in photos.rglob("*.png"):
        store.send(path, path.relative_to(photos).as_posix())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_s3_behind_faults_gives_the_same_bytes(
    photos: Path, tmp_path: Path, s3: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    import s3fs

    monkeypatch.setattr(s3fs.S3FileSystem, "read_timeout", 1)
    s3.every, s3.hang = {"busy": 4, "closed": 7, "torn": 3, "hang": 23}, 2.0
    to_s3(photos)
    store = Store("s3://bucket/photos")
    for key in store.photos():
        store.fetch(key, tmp_path / "got" / key)
        assert (tmp_path / "got" / key).read_bytes() == (photos / key).read_bytes()
    big = tmp_path / "big.bin"
    big.write_bytes(np.random.default_rng(1).bytes(60 * 2**20))  # more than one part
    store.send(big, "big.bin")
    store.fetch("big.bin", tmp_path / "back.bin")
    assert (tmp_path / "back.bin").read_bytes() == big.read_bytes()
    assert all(s3.met[name] for name in ("busy", "closed", "torn", "hang"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_launch_over_s3_behind_faults(
    photos: Path, tmp_path: Path, s3: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_engine", lambda *_: in_process)
    to_s3(photos)
    expected = whole(photos, tmp_path / "whole")
    s3.every = {"busy": 9, "closed": 13, "torn": 11}
    command = "purify s3://bucket/photos --out s3://bucket/clean --purifier jpeg --region photo --device cpu"
    result = launch(command, shards=2)
    s3.every = {}
    store = Store("s3://bucket/clean")
    found = {}
    for key in store.photos():
        store.fetch(key, tmp_path / "got" / key)
        found[key] = (tmp_path / "got" / key).read_bytes()
    assert found == expected
    assert result.merged.items == 9
    assert store.has("merged.json")
    assert s3.met["busy"] > 0
    assert s3.met["torn"] > 0


@pytest.mark.parametrize("verb", ["purify", "score"])
def test_a_store_that_is_given_to_a_verb_itself_is_told(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "s3://bucket/photos", "--out", "x.csv"]) == 2
    assert "facewarden launch" in capsys.readouterr().err


def test_a_merged_table_goes_to_its_place(tmp_path: Path) -> None:
    table = tmp_path / "scores.csv"
    table.write_text("key,score\na,1.0\n")
    (tmp_path / "scores.csv.merged.json").write_text("{}")
    there = tmp_path / "there"
    send_merged(table, f"{there.as_uri()}/scores.csv")
    assert sorted(path.name for path in there.iterdir()) == ["scores.csv", "scores.csv.merged.json"]


def test_a_share_of_a_store_that_fails_says_why(tmp_path: Path) -> None:
    command = parse_command(f"purify {(tmp_path / 'absent').as_uri()} --out {tmp_path / 'o'}")
    end = run_job(ShardJob(Shard(1, 1), ("purify",), command=command, stage=stage_of(command)))
    assert "absent" in end.error
