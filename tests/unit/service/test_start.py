"""How the command starts: without its extra it says what to install; files of settings are checked as all others."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from facewarden.cli import main
from facewarden.core.errors import BadInputError
from facewarden.service.settings import ServiceSettings, read_service_settings


@pytest.mark.parametrize("package", ["fastapi", "uvicorn", "sqlalchemy", "limits"])
def test_without_the_extra_it_says_what_to_install(package: str, tmp_path: Path) -> None:
    code = f"""
import sys
sys.modules[{package!r}] = None
from facewarden.cli import main
codes = [main(["serve", "--data", {str(tmp_path)!r}]), main(["keys", "add", "a", "--data", {str(tmp_path)!r}])]
sys.exit(0 if {package!r} in ("fastapi", "uvicorn") and codes[0] == 2 or codes == [2, 2] else 1)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert f"needs {package}" in found.stderr
    assert "pip install 'facewarden[serve]'" in found.stderr


def test_settings_are_read_and_wrong_ones_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "service.json"
    file.write_text(json.dumps({"port": 0, "limits": {"samples": 5}, "captures": {"door": "d.csv"}}))
    read = read_service_settings(file)
    assert (read.port, read.limits.samples, read.limits.bytes) == (0, 5, 32 * 2**20)
    for wrong, told in (({"prot": 1}, "did you mean 'port'"), ({"limits": {"samples": 0}}, "limits.samples"),
                        ({"instance": "a/b"}, "instance"), ({"instance": "a" * 61}, "instance"),
                        ({"rate": "often"}, "rate"), ({"rate": "0/minute"}, "rate"),
                        ({"rate": "1/minute;5/second"}, "rate"),
                        ({"hosts": ["a*b"]}, "hosts"), ({"hosts": ["https://a.example"]}, "hosts"),
                        ({"hosts": ["a.example:8780"]}, "hosts"), ({"detectors": []}, "detectors")):  # fmt: skip
        file.write_text(json.dumps(wrong))
        with pytest.raises(BadInputError, match=told):
            read_service_settings(file)
    for fits in ({"hosts": ["*"]}, {"hosts": ["a.example", "*.b.example", "[::1]"]}, {"rate": "60/minute"}):
        file.write_text(json.dumps(fits))
        read_service_settings(file)
    file.write_text(json.dumps({"detectors": []}))
    assert main(["serve", str(file)]) == 2
    assert "detectors" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("::", False),
     ("10.0.0.1", False), ("localhost.example", False)],
)  # fmt: skip
def test_what_is_reached_from_this_machine_alone(host: str, local: bool) -> None:
    assert ServiceSettings(host=host).local is local


def test_the_database_lies_in_the_folder_whatever_its_name(tmp_path: Path) -> None:
    from facewarden.service.store.database import open_database

    folder = tmp_path / "a folder?with#signs"
    engine = open_database(ServiceSettings(data=folder).database_url)
    engine.dispose()
    assert (folder / "service.db").is_file()


def test_what_facewarden_says_while_it_serves_is_json_as_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ready:
        def run(self) -> None:
            logging.getLogger("facewarden").warning("mine.onnx: is this a decision?\n%s", "second line")

    monkeypatch.setattr("facewarden.service.serving.prepare", lambda *_, **__: Ready())
    assert main(["serve", "--data", str(tmp_path)]) == 0
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(one["event"], one["level"]) for one in told] == [
        ("mine.onnx: is this a decision?\nsecond line", "warning")
    ]


def test_files_of_tls_are_checked_before_models_are_loaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def loaded(*_: object, **__: object) -> Any:
        raise AssertionError("models are loaded")

    monkeypatch.setattr("facewarden.service.serving.create_app", loaded)
    (tmp_path / "text.pem").write_text("no certificate\n")
    for certificate, told in (("absent.pem", "absent.pem: cannot be read"), ("text.pem", "cannot be used for TLS"),
                              (".", "cannot be read")):  # fmt: skip
        words = ["serve", "--port", "0", "--data", str(tmp_path), "--certificate", str(tmp_path / certificate)]
        assert main([*words, "--private-key", str(tmp_path / "text.pem")]) == 2
        assert told in capsys.readouterr().err
        assert main(words) == 2
        assert "belong together" in capsys.readouterr().err


def test_a_handler_that_python_did_not_set_becomes_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    import uvicorn

    from facewarden.service.serving import ends_well

    server = uvicorn.Server(uvicorn.Config("none:none"))
    true, held = signal.signal, signal.getsignal(signal.SIGTERM)

    def set_by_another_library(number: int, handler: Any) -> Any:
        found = true(number, handler)
        return None if found is held else found

    try:
        monkeypatch.setattr(signal, "signal", set_by_another_library)
        with ends_well(server):
            assert signal.getsignal(signal.SIGTERM) == server.handle_exit
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        true(signal.SIGTERM, held)
