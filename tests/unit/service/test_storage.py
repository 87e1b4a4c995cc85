"""A database or a disk that is away or full: told as that, nothing accepted is answered with a refusal."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.exc import OperationalError

from facewarden.core.guards.lock import hold
from facewarden.service.logs import ActionLog, open_log
from facewarden.service.serving import Prepared
from served import sample, served, settings_in


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Prepared]:
    with served(settings_in(tmp_path / "data", keep_photos=True), log=open_log(stream=io.StringIO())) as made:
        yield made


def away(*_: object, **__: object) -> Any:
    raise OperationalError("SELECT 1", {}, Exception("the server closed the connection"))


def full(*_: object, **__: object) -> Any:
    raise OSError(28, "No space left on device")


def refused(answer: httpx.Response) -> bool:
    return (answer.status_code, answer.json()["error"], answer.headers["retry-after"]) == (503, "storage", "5")


def test_a_database_that_is_away_is_told_as_that(service: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service.service.jobs, "latest", away)
    assert refused(httpx.get(f"{service.url}/v1/audits", timeout=60))
    monkeypatch.undo()
    assert httpx.get(f"{service.url}/v1/audits", timeout=60).json() == {"audits": []}


def test_a_full_disk_refuses_before_an_audit_is_accepted(service: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service.service.actions, "add", full)
    assert refused(httpx.post(f"{service.url}/v1/audits", json={}, timeout=60))
    assert httpx.get(f"{service.url}/v1/audits", timeout=60).json() == {"audits": []}
    assert refused(httpx.post(f"{service.url}/v1/score", json={"samples": [sample()]}, timeout=60))
    monkeypatch.undo()
    assert service.service.kept is not None
    monkeypatch.setattr(service.service.kept, "add", full)
    assert refused(httpx.post(f"{service.url}/v1/score", json={"samples": [sample()]}, timeout=60))
    page = httpx.get(f"{service.url}/page/audits", timeout=60)
    assert page.status_code == 200


def test_an_audit_whose_folder_cannot_be_removed_stays_listed(
    service: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs, audits = service.service.jobs, service.service.audits
    job = jobs.submit("audit", {"preset": "quick"})
    assert job is not None
    jobs.cancel(job.id)
    (audits / job.id / "run").mkdir(parents=True)
    (audits / job.id / "run" / "report.html").write_text("of somebody")
    address = f"{service.url}/v1/audits/{job.id}"
    monkeypatch.setattr("facewarden.service.routes.audits.shutil.rmtree", full)
    assert refused(httpx.delete(address, timeout=60))
    monkeypatch.undo()
    assert httpx.get(address, timeout=60).status_code == 200
    assert httpx.delete(address, timeout=60).status_code == 204
    assert not (audits / job.id).exists()
    assert httpx.get(address, timeout=60).status_code == 404


def test_a_stop_ends_well_while_the_database_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = io.StringIO()
    with served(settings_in(tmp_path), log=open_log(stream=lines)) as made:
        monkeypatch.setattr(made.service.jobs, "give_back", away)
    assert "stop.storage" in lines.getvalue()
    hold(tmp_path, name=".main.lock").release()  # the folder is free for the next start


def test_the_log_of_actions_survives_a_kill_and_a_rotation(tmp_path: Path) -> None:
    path = tmp_path / "actions.log"
    path.write_text('{"action": "a"}\n{"acti')  # killed while it wrote
    log = ActionLog(path)
    log.add("b")
    path.rename(tmp_path / "actions.log.1")
    log.add("c")
    assert json.loads((tmp_path / "actions.log.1").read_text().splitlines()[-1])["action"] == "b"
    (line,) = path.read_text().splitlines()
    assert json.loads(line)["action"] == "c"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_line_for_a_full_disk_is_no_success(tmp_path: Path) -> None:
    path = tmp_path / "actions.log"
    log = ActionLog(path)
    path.unlink()
    path.symlink_to("/dev/full")
    with pytest.raises(OSError, match="space"):
        log.add("a")
