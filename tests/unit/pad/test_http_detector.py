"""The detector behind an endpoint, against a service in this process: format, rounding, retries, every way to fail."""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from facewarden.attacks.pgd import PGD
from facewarden.attacks.square import Square
from facewarden.core.decision_goal import Evade
from facewarden.core.errors import BadInputError, ContractError
from facewarden.core.threat import ThreatModel
from facewarden.pad.http_detector import HttpDetector
from facewarden.pad.parts.local_service import decode, serve
from stand_ins import make_batch

Make = Callable[..., HttpDetector]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes a detector on a service that answers as it is told."""
    servers = []

    def made(answer: Callable[[dict[str, Any]], tuple[int, bytes]], **settings: Any) -> HttpDetector:
        url, server = serve(answer)
        servers.append(server)
        file = tmp_path / f"service {len(servers)}.json"
        file.write_text(json.dumps({"url": url, "pause": 0.0, "retries": 0, **settings}), encoding="utf-8")
        return HttpDetector(file)

    yield made
    for server in servers:
        server.shutdown()
        server.server_close()


def scores(*values: float) -> tuple[int, bytes]:
    return 200, json.dumps({"scores": list(values)}).encode()


def test_the_service_gets_what_the_format_says(make: Make) -> None:
    seen: list[dict[str, Any]] = []

    def answer(request: dict[str, Any]) -> tuple[int, bytes]:
        seen.append(request)
        return scores(*(float(i) for i in range(len(request["samples"]))))

    batch = make_batch(3)
    detector = make(answer, modalities=["rgb", "depth", "infrared"], batch=2)
    found = detector(batch)
    assert found.score.tolist() == [0.0, 1.0, 0.0]
    assert [len(request["samples"]) for request in seen] == [2, 1]
    assert seen[0]["version"] == 1
    first = seen[0]["samples"][0]
    assert first["key"] == "sample 0"
    assert first["box"] == [1.0, 1.0, 11.0, 11.0]
    for name, levels in {"rgb": 255, "infrared": 255, "depth": 65535}.items():
        pixels = np.asarray(decode(first[name]), dtype=np.float64) / levels
        wanted = batch.images[name][0].numpy()  # type: ignore[index]
        wanted = wanted.transpose(1, 2, 0) if name == "rgb" else wanted[0]
        assert np.abs(pixels - wanted).max() <= 0.5 / levels + 1e-7


@pytest.mark.parametrize(
    "url", ["http://me:hidden@127.0.0.1:8780/score", "https://me:hidden@127.0.0.1/", "http://hidden@h"]
)
def test_a_password_in_the_address_is_refused_and_printed_nowhere(tmp_path: Path, url: str) -> None:
    file = tmp_path / "service.json"
    file.write_text(json.dumps({"url": url}))
    for given in (file, Path(url)):
        with pytest.raises(BadInputError, match="user name or a password") as caught:
            HttpDetector(given)
        assert "key_variable" in caught.value.hint
        assert "hidden" not in str(caught.value)


def test_a_sensor_that_a_sample_lacks_is_left_out(make: Make) -> None:
    seen: list[dict[str, Any]] = []
    detector = make(lambda request: (seen.append(request), scores(0.5))[1])
    batch = make_batch(1, modalities=("rgb",))
    bare = type(batch)(images=batch.images, key=batch.key)
    detector(bare)
    assert sorted(seen[0]["samples"][0]) == ["key", "rgb"]


def test_probabilities_become_logits(make: Make) -> None:
    detector = make(lambda _: scores(0.75, 1.0, 0.0), output="probability")
    found = detector(make_batch(3)).score.tolist()
    assert found[0] == pytest.approx(math.log(3))
    assert found[1] == pytest.approx(-found[2])
    assert math.isfinite(found[1])


def test_a_service_that_fails_at_first_is_asked_again(make: Make) -> None:
    calls: list[int] = []

    def answer(_: dict[str, Any]) -> tuple[int, bytes]:
        calls.append(1)
        return (503, b"busy") if len(calls) < 3 else scores(1.5)

    assert make(answer, retries=2)(make_batch(1)).score.tolist() == [1.5]
    assert len(calls) == 3


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        ((503, b""), BadInputError, "answered 503"),
        ((422, b"no"), BadInputError, "answered 422"),
        ((302, b"http://127.0.0.1:9/elsewhere"), BadInputError, "answered 302"),
        ((200, b"<html>"), BadInputError, "not JSON"),
        ((200, b'{"score": [1]}'), ContractError, "no list of scores for 2"),
        ((200, b'{"scores": [1]}'), ContractError, "1 scores for 2"),
        ((200, b'{"scores": [1, "high"]}'), ContractError, "'high'"),
        ((200, b'{"scores": [1, NaN]}'), ContractError, "nan"),
        ((200, b'{"scores": [1, true]}'), ContractError, "True"),
    ],
)
def test_every_wrong_answer_is_named(
    make: Make, answer: tuple[int, bytes], error: type[Exception], message: str
) -> None:
    calls: list[int] = []
    detector = make(lambda _: (calls.append(1), answer)[1], retries=1)
    with pytest.raises(error, match=message):
        detector(make_batch(2))
    assert len(calls) == (2 if answer[0] >= 500 else 1)


def test_a_probability_outside_its_range_is_refused(make: Make) -> None:
    with pytest.raises(ContractError, match=r"probability 1\.5"):
        make(lambda _: scores(1.5), output="probability")(make_batch(1))


def test_a_service_that_is_slow_or_absent_says_so(make: Make, tmp_path: Path) -> None:
    def slow(_: dict[str, Any]) -> tuple[int, bytes]:
        time.sleep(0.5)
        return scores(0.0)

    with pytest.raises(BadInputError, match=r"within 0\.1 s"):
        make(slow, timeout=0.1)(make_batch(1))
    url, server = serve(lambda _: scores(0.0))
    server.shutdown()
    server.server_close()
    file = tmp_path / "gone.json"
    file.write_text(json.dumps({"url": url, "retries": 0}), encoding="utf-8")
    with pytest.raises(BadInputError, match="cannot be reached"):
        HttpDetector(file)(make_batch(1))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"url": "http://example.org/score"}, "example.org is another machine"),
        ({"url": "ftp://127.0.0.1/score"}, "no address"),
        ({"url": "file:///etc/passwd"}, "no address"),
        ({"link": "x"}, "unknown setting 'link'"),
        ({"modalities": ["sound"]}, "sound"),
        ({"output": "class"}, "class"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": "soon"}, "soon"),
        ({"timeout": 10**400}, "timeout is a number of about 400 digits"),
        ({"remotes": True}, "did you mean 'remote'"),
        ([], "allowed: an object with url"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    file = tmp_path / "service.json"
    file.write_text(json.dumps(settings), encoding="utf-8")
    with pytest.raises(BadInputError, match=message):
        HttpDetector(file)


def test_an_address_stands_for_a_file_and_another_machine_needs_permission(tmp_path: Path) -> None:
    assert HttpDetector().settings.url == "http://127.0.0.1:8780/score"
    assert HttpDetector(Path("http://localhost:99/x")).settings.url == "http://localhost:99/x"
    with pytest.raises(BadInputError, match="another machine"):
        HttpDetector(Path("https://example.org/x"))
    file = tmp_path / "service.json"
    file.write_text(json.dumps({"url": "https://example.org/x", "remote": True}), encoding="utf-8")
    assert HttpDetector(file).settings.remote
    with pytest.raises(BadInputError, match="not settings"):
        HttpDetector(tmp_path / "none.json")


def test_it_is_attacked_by_its_scores_only(tmp_path: Path) -> None:
    detector = HttpDetector.example(tmp_path)
    goal = Evade(detector, make_batch(2, modalities=("rgb",)), threshold=0.0)
    with pytest.raises(BadInputError, match="needs gradients"):
        PGD()(goal, ThreatModel())
    found = Square(queries=5)(goal, ThreatModel(eps=0.1))
    assert bool((found.loss >= found.loss_clean).all())
    assert torch.equal(found.sample_gradients, torch.zeros_like(found.sample_gradients))


@pytest.mark.parametrize(
    ("name", "value"),
    [("remote", "false"), ("needs_box", "no"), ("batch", 2.5), ("retries", True), ("timeout", float("nan"))],
)
def test_a_setting_of_another_type_is_refused(tmp_path: Path, name: str, value: object) -> None:
    """The text "false" is true to Python: faces would have left this machine."""
    file = tmp_path / "service.json"
    file.write_text(json.dumps({"url": "http://example.org/x", name: value}), encoding="utf-8")
    with pytest.raises(BadInputError, match=name):
        HttpDetector(file)


@pytest.mark.parametrize("url", ["http://127.0.0.1:80a/score", "http://127.0.0.1:80/a b"])
def test_an_address_that_is_none_is_refused(tmp_path: Path, url: str) -> None:
    file = tmp_path / "service.json"
    file.write_text(json.dumps({"url": url}), encoding="utf-8")
    with pytest.raises(BadInputError, match="no address"):
        HttpDetector(file)


def mean_color(request: dict[str, Any]) -> list[float]:
    return [float(np.asarray(decode(sample["rgb"])).mean() / 255) for sample in request["samples"]]


def test_a_service_is_probed_when_it_is_loaded(make: Make) -> None:
    detector = make(lambda request: scores(*(8 * value - 4 for value in mean_color(request))))
    detector.probe_service()
    assert detector.card.remarks == ()
    shares = make(lambda request: scores(*mean_color(request)))
    shares.probe_service()
    assert '"output": "probability"' in shares.card.remarks[0]
    constant = make(lambda request: scores(*(0.5 for _ in request["samples"])))
    constant.probe_service()
    assert "the same score" in constant.card.remarks[0]


def test_answers_that_contradict_each_other_are_refused(make: Make) -> None:
    def ranked(request: dict[str, Any]) -> tuple[int, bytes]:
        values = mean_color(request)
        return scores(*(value - sum(values) / len(values) for value in values))

    with pytest.raises(BadInputError, match="depends on the others of its batch") as caught:
        make(ranked).probe_service()
    assert '"batch": 1' in caught.value.hint
    make(ranked, batch=1).probe_service()
    calls: list[int] = []

    def drifting(request: dict[str, Any]) -> tuple[int, bytes]:
        calls.append(1)
        return scores(*(value + len(calls) for value in mean_color(request)))

    with pytest.raises(BadInputError, match="two calls with the same pictures"):
        make(drifting).probe_service()


def test_known_answers_tell_a_service_that_is_turned_round(make: Make) -> None:
    def bright(request: dict[str, Any]) -> tuple[int, bytes]:
        return scores(*(8 * value - 4 for value in mean_color(request)))

    known = [{"input": "gray:0.75", "score": 2.0, "tolerance": 0.05}]
    make(bright, self_test=known).probe_service()
    turned = make(bright, self_test=[{**known[0], "score": -2.0}])
    with pytest.raises(BadInputError, match=r"self_test fails: gray:0\.75: 1\.99") as caught:
        turned.probe_service()
    assert '"invert": true makes it right' in caught.value.hint
    make(bright, self_test=[{**known[0], "score": -2.0}], invert=True).probe_service()
    with pytest.raises(BadInputError, match="self_test has no input"):
        make(bright, self_test=[{"input": "absent.png", "score": 1}]).probe_service()


@pytest.mark.parametrize("number", ["1" + "0" * 400, "1e400", "-1e39", "NaN", "-Infinity"])
def test_numbers_that_no_score_can_be_are_named(make: Make, number: str) -> None:
    with pytest.raises(ContractError, match="gave the score"):
        make(lambda _: (200, f'{{"scores": [{number}]}}'.encode()))(make_batch(1))
    with pytest.raises(ContractError, match="gave the"):
        make(lambda _: (200, f'{{"scores": [{number}]}}'.encode()), output="probability")(make_batch(1))


def _trickle(head: bytes, tail: bytes) -> tuple[str, threading.Event]:
    """A server that sends the head and then one byte of the tail every 50 ms for as long as somebody listens."""
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def serve_one() -> None:
        peer, _ = listener.accept()
        with peer, listener, contextlib.suppress(OSError):
            peer.recv(65536)
            peer.sendall(head)
            for place in itertools.count():
                peer.sendall(tail[place % len(tail) : place % len(tail) + 1])
                time.sleep(0.05)
        ended.set()

    threading.Thread(target=serve_one, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}/score", ended


@pytest.mark.parametrize(
    ("head", "tail"),
    [
        (b"", b"HTTP/1.1 200 OK"),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b" "),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["status", "headers", "body", "chunks", "continue"],
)
def test_a_server_that_trickles_is_cut_off(tmp_path: Path, head: bytes, tail: bytes) -> None:
    url, ended = _trickle(head, tail)
    file = tmp_path / "service.json"
    file.write_text(json.dumps({"url": url, "retries": 0, "timeout": 0.6}), encoding="utf-8")
    started = time.monotonic()
    with pytest.raises(BadInputError, match=r"did not answer within 0\.6 s"):
        HttpDetector(file)(make_batch(1))
    assert time.monotonic() - started < 2
    assert ended.wait(2)


def test_large_and_hostile_answers_are_named(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInputError, match="5,000 digits"):
        make(lambda _: (200, b'{"scores": [' + b"9" * 5000 + b"]}"))(make_batch(1))
    monkeypatch.setenv("FACEWARDEN_LIMIT_ANSWER_BYTES", "1000")
    with pytest.raises(BadInputError, match="bytes, the limit is 1,000"):
        make(lambda _: (200, b" " * 100_000))(make_batch(1))
    with pytest.raises(ContractError, match="gave the score"):
        make(lambda _: (200, b'{"scores": [' + b"9" * 400 + b"]}"))(make_batch(1))
    with pytest.raises(BadInputError, match="65 levels, the limit is 64"):
        make(lambda _: (200, b"[" * 400 + b"]" * 400))(make_batch(1))
