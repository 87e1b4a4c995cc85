"""Keys, scopes, rates, and where the service may listen."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from facewarden.cli import main
from facewarden.core.errors import BadInputError
from facewarden.core.resolve import resolve_detector
from facewarden.service.logs import open_log
from facewarden.service.serving import Prepared, prepare
from facewarden.service.store.database import open_database
from facewarden.service.store.key_store import KeyStore
from served import sample, served, settings_in, wait_until


class Guarded:
    """A service with keys, and what it logs."""

    def __init__(self, made: Prepared, keys: dict[str, str], lines: io.StringIO) -> None:
        self.made, self.keys, self.lines = made, keys, lines

    def ask(self, method: str, path: str, key: str | None, **more: Any) -> httpx.Response:
        headers = {} if key is None else {"Authorization": f"Bearer {self.keys.get(key, key)}"}
        return httpx.request(method, f"{self.made.url}{path}", headers=headers, timeout=120, **more)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("keys")
    settings = settings_in(folder)
    store = KeyStore(engine := open_database(settings.database_url))
    keys = {
        name: store.add(name, scopes=scopes, rate=rate)[1]
        for name, scopes, rate in (
            ("scorer", ["score"], ""), ("seldom", ["score"], "2/hour"), ("auditor", ["audit", "metrics"], ""),
            ("gone", ["score"], ""),
        )
    }  # fmt: skip
    store.revoke("gone")
    engine.dispose()
    lines = io.StringIO()
    with served(settings, log=open_log(stream=lines)) as made:
        yield Guarded(made, keys, lines)


def test_a_key_opens_what_its_scopes_name(guarded: Guarded) -> None:
    body = {"samples": [sample(key="ANNA")]}
    assert guarded.ask("POST", "/v1/score", "scorer", json=body).status_code == 200
    assert guarded.ask("GET", "/v1/models", "auditor").status_code == 200
    assert guarded.ask("GET", "/metrics", "auditor").status_code == 200
    for path in ("/health/live", "/health/ready", "/openapi.json"):
        assert guarded.ask("GET", path, None).status_code == 200
    for key, path in (("auditor", "/v1/score"), ("scorer", "/v1/purify")):
        found = guarded.ask("POST", path, key, json=body)
        assert (found.status_code, found.json()["error"]) == (403, "scope")
    assert guarded.ask("GET", "/metrics", "scorer").status_code == 403
    assert guarded.ask("GET", "/v1/audits", "scorer").status_code == 403
    logged = guarded.lines.getvalue() + (guarded.made.service.settings.data / "actions.log").read_text()
    assert "ANNA" not in logged
    assert body["samples"][0]["rgb"][:40] not in logged
    assert not [key for key in guarded.keys.values() if key in logged or key.rpartition("_")[2] in logged]
    identity = guarded.keys["scorer"].split("_")[1]
    rows = [json.loads(line) for line in guarded.lines.getvalue().splitlines()]
    assert [row for row in rows if row["event"] == "request" and row["key"] == identity and row["status"] == 200]
    actions = (guarded.made.service.settings.data / "actions.log").read_text().splitlines()
    assert {"action": "score", "by": identity, "samples": 1}.items() <= json.loads(actions[-1]).items()


@pytest.mark.parametrize("key", [None, "gone", "nonsense", "fw_a_b", "fw__", "\xe9" * 9, "x" * 5000])
def test_no_key_or_a_wrong_one_is_refused_before_the_body_is_read(guarded: Guarded, key: str | None) -> None:
    text = None if key is None else guarded.keys.get(key, key)
    headers = {} if text is None else {b"Authorization": f"Bearer {text}".encode("latin-1")}
    found = httpx.post(f"{guarded.made.url}/v1/score", content=b"{" * 100, headers=headers, timeout=120)
    assert found.status_code == 401
    assert found.headers["www-authenticate"] == "Bearer"


def test_the_secret_of_another_key_does_not_fit(guarded: Guarded) -> None:
    mixed = guarded.keys["scorer"].rpartition("_")[0] + "_" + guarded.keys["auditor"].rpartition("_")[2]
    assert guarded.ask("GET", "/v1/models", mixed).status_code == 401


def test_a_rate_is_told_with_the_seconds_to_wait(guarded: Guarded) -> None:
    found = [guarded.ask("GET", "/v1/models", "seldom") for _ in range(3)]
    assert [one.status_code for one in found] == [200, 200, 429]
    assert 0 < int(found[2].headers["retry-after"]) <= 3600
    assert guarded.ask("GET", "/v1/models", "scorer").status_code == 200


def test_a_key_that_is_revoked_while_the_service_runs_is_refused_soon(guarded: Guarded) -> None:
    key, text = guarded.made.service.keys.add("short", scopes=["score"])
    wait_until(lambda: guarded.ask("GET", "/v1/models", text).status_code == 200, seconds=60)
    guarded.made.service.keys.revoke(key.id)
    wait_until(lambda: guarded.ask("GET", "/v1/models", text).status_code == 401, seconds=60)


def test_http_detector_sends_a_key_of_an_environment_variable(
    guarded: Guarded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "service.json"
    about = {"url": f"{guarded.made.url}/v1/score", "key_variable": "KEY_OF_SERVICE", "retries": 0}
    file.write_text(json.dumps(about))
    with pytest.raises(BadInputError, match="KEY_OF_SERVICE holds no API key"):
        resolve_detector(f"http_detector:{file}")
    monkeypatch.setenv("KEY_OF_SERVICE", guarded.keys["gone"])
    with pytest.raises(BadInputError, match="401"):
        resolve_detector(f"http_detector:{file}")
    monkeypatch.setenv("KEY_OF_SERVICE", guarded.keys["scorer"])
    assert resolve_detector(f"http_detector:{file}").card.sha256


def test_a_name_of_another_server_is_refused_as_everything_else(guarded: Guarded) -> None:
    answer = httpx.get(f"{guarded.made.url}/health/ready", headers={"Host": "attacker.example"}, timeout=120)
    assert (answer.status_code, answer.json()["error"]) == (400, "host")
    assert httpx.get(f"{guarded.made.url}/health/ready", headers={"Host": "LOCALHOST:8780"}, timeout=120).is_success


def test_another_address_needs_a_key_and_an_occupied_one_is_told(tmp_path: Path) -> None:
    away = settings_in(tmp_path, host="0.0.0.0")
    with pytest.raises(BadInputError, match="no API key"):
        prepare(away)
    with served(settings_in(tmp_path / "a")) as made:
        port = int(made.url.rpartition(":")[2])
        with pytest.raises(BadInputError, match="cannot be listened on"):
            prepare(settings_in(tmp_path / "b", port=port))
        assert httpx.get(f"{made.url}/v1/models", timeout=120).status_code == 200  # the machine itself, and no key
    engine = open_database(away.database_url)
    KeyStore(engine).add("someone", scopes=["score"])
    engine.dispose()
    with served(away) as made:
        local = made.url.replace("0.0.0.0", "127.0.0.1")
        assert httpx.get(f"{local}/v1/models", timeout=120).status_code == 401
        assert httpx.get(f"{local}/health/live", timeout=120).status_code == 200


def test_keys_of_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--data", str(tmp_path)]
    assert main(["keys", "list", *where]) == 0
    assert capsys.readouterr().out.strip() == "no keys"
    assert main(["keys", "add", "clinic", "--scope", "score", "audit", "--days", "30", "--json", *where]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["scopes"] == ["score", "audit"]
    assert made["expires"] > time.time()
    assert main(["keys", "list", *where]) == 0
    line = capsys.readouterr().out
    assert made["id"] in line
    assert made["key"].rpartition("_")[2] not in line
    assert main(["keys", "revoke", "clinic", *where]) == 0
    assert main(["keys", "revoke", "clinic", *where]) == 2
    capsys.readouterr()
    assert main(["keys", "list", *where]) == 0
    assert "revoked" in capsys.readouterr().out
