"""Files appear whole or not at all: after an error, a kill, a full disk, and for a reader who looks all the time."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from facewarden.core.files import (
    path_from,
    remove_stale,
    temporary_name,
    write_bytes,
    write_json,
    write_text,
    writing,
    writing_folder,
)


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob(".*.tmp*")]


def test_an_error_leaves_the_old_file_and_no_temporary_one(tmp_path: Path) -> None:
    path = write_text(tmp_path / "a.json", "old")

    def broken() -> None:
        with writing(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken()
    assert path.read_text() == "old"
    assert leftovers(tmp_path) == []


def test_names_as_long_as_a_name_can_be(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 251 + ".png")
    assert write_bytes(path, b"x").read_bytes() == b"x"
    assert temporary_name(path).suffix == ".png"  # encoders choose the format by it


def test_not_a_number_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    path = write_json(tmp_path / "a.json", {"a": 1})
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"a": float("nan")})
    assert path.read_text() == '{\n  "a": 1\n}\n'


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    path = write_text(tmp_path / "report.json", "old\n")
    script = """
        import resource, signal, sys
        from pathlib import Path
        from facewarden.core.files import write_text
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        try:
            write_text(Path(sys.argv[1]), "x" * 100_000)
        except OSError:
            sys.exit(74)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script), str(path)], check=False)
    assert done.returncode == 74
    assert path.read_text() == "old\n"
    assert leftovers(tmp_path) == []
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 4096


def test_a_reader_never_sees_half_a_file_and_a_kill_leaves_only_what_the_next_start_removes(tmp_path: Path) -> None:
    path = write_text(tmp_path / "a.txt", "a" * 300_000)
    script = """
        import sys
        from pathlib import Path
        from facewarden.core.files import write_text
        while True:
            for letter in "ab":
                write_text(Path(sys.argv[1]), letter * 300_000, sync=False)
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script), str(path)])
    seen, end = set(), time.monotonic() + 20
    while seen != {"a", "b"} and time.monotonic() < end:
        text = path.read_text()
        assert len(text) == 300_000
        assert len(set(text)) == 1
        seen.add(text[0])
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert seen == {"a", "b"}
    assert len(path.read_text()) == 300_000
    mine = temporary_name(tmp_path / "mine.txt")
    mine.write_text("still written")
    (tmp_path / f"{temporary_name(tmp_path / 'b').name.replace(str(os.getpid()), str(process.pid))}").write_text("cut")
    assert remove_stale(tmp_path) >= 1
    assert leftovers(tmp_path) == [mine.name]  # this process runs


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    target = tmp_path / "store"
    with writing_folder(target) as folder:
        (folder / "one").write_text("1")
        assert not target.exists()
    assert (target / "one").read_text() == "1"

    def broken() -> None:
        with writing_folder(target) as folder:
            (folder / "one").write_text("2")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        broken()
    assert (target / "one").read_text() == "1"
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_a_name_that_is_not_utf8_costs_no_text(tmp_path: Path) -> None:
    path = write_text(tmp_path / "report.md", "photo gr\udce4u.png\n")
    assert path.read_text(encoding="utf-8") == "photo gr\\udce4u.png\n"


def test_a_way_between_folders_is_walked_from_where_a_link_leads(tmp_path: Path) -> None:
    real, photos = tmp_path / "disk" / "deep" / "runs", tmp_path / "photos"
    real.mkdir(parents=True)
    photos.mkdir()
    (photos / "a.png").write_text("a")
    link = tmp_path / "runs"
    link.symlink_to(real, target_is_directory=True)
    for folder in (real, link):
        assert (folder / path_from(folder, photos / "a.png")).read_text() == "a"
    assert (link / path_from(link, link / ".." / ".." / ".." / "photos" / "a.png")).read_text() == "a"
    (real / "inside").symlink_to(photos, target_is_directory=True)
    assert path_from(link, link / "inside" / "a.png") == "inside/a.png"  # names below stay as they are typed
