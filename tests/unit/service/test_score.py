"""Scores over a real socket: the same as in this process, and auditable by another facewarden."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError
from facewarden.core.resolve import resolve_detector
from facewarden.pad.multi_cnn import MultiCnn
from facewarden.service.models.held import HeldModels
from facewarden.service.serving import Prepared
from facewarden.service.settings import RequestLimits
from served import png, sample, served, settings_in, soft


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    limits = RequestLimits(bytes=2**20, samples=12, pixels=300_000)
    with served(settings_in(tmp_path_factory.mktemp("service"), limits=limits)) as made:
        yield made


def ask(service: Prepared, body: Any, **query: str) -> httpx.Response:
    return httpx.post(f"{service.url}/v1/score", json=body, params=query, timeout=120)


def batch_of(rows: list[dict[str, Any]], seeds: list[int]) -> FaceBatch:
    frames = np.stack([soft(seed) for seed in seeds])
    return FaceBatch(
        images={"rgb": torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255},
        key=tuple(row["key"] for row in rows),
        box=torch.tensor([row["box"] for row in rows]),
    )


def test_scores_and_decisions_are_those_of_the_detector(service: Prepared) -> None:
    rows = [sample(seed, key=f"k{seed}") for seed in range(5)]
    answer = ask(service, {"version": 1, "samples": rows})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    model = MultiCnn()
    with torch.inference_mode():
        wanted = model(batch_of(rows, list(range(5)))).score
    assert found["scores"] == pytest.approx(wanted.tolist(), abs=1e-5)
    assert model.rule is not None
    assert found["rule"]["threshold"] == model.rule.threshold
    assert [row["key"] for row in found["samples"]] == [f"k{seed}" for seed in range(5)]
    for row, score in zip(found["samples"], wanted.tolist(), strict=True):
        assert row["decision"] == ("bona_fide" if score >= model.rule.threshold else "attack")
        assert row["box"] == [24.0, 24.0, 72.0, 72.0]


def test_networks_are_given_whole_planes(service: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = MultiCnn.predict
    seen: list[bool] = []

    def watched(self: MultiCnn, batch: FaceBatch) -> Any:
        seen.extend(image.is_contiguous() for image in batch.images.values())
        return plain(self, batch)

    monkeypatch.setattr(MultiCnn, "predict", watched)
    assert ask(service, {"samples": [sample(seed) for seed in range(3)]}).status_code == 200
    assert seen
    assert all(seen)  # as the batches of the other verbs


def test_a_request_of_one_sample_is_read_in_one_step(service: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = HeldModels.read
    steps: list[int] = []

    async def watched(self: HeldModels, work: Any) -> Any:
        steps.append(1)
        return await plain(self, work)

    monkeypatch.setattr(HeldModels, "read", watched)
    for count, wanted in ((1, 1), (3, 1 + 3)):
        steps.clear()
        assert ask(service, {"samples": [sample(seed) for seed in range(count)]}).status_code == 200
        assert len(steps) == wanted


def test_every_sensor_reaches_the_detector(service: Prepared) -> None:
    rng = np.random.default_rng(0)
    depth = rng.integers(0, 65536, (96, 96), dtype=np.uint16)
    infrared = rng.integers(0, 256, (96, 96), dtype=np.uint8)
    row = sample() | {"depth": png(depth), "infrared": png(infrared)}
    found = ask(service, {"samples": [row]}).json()["scores"][0]
    batch = batch_of([row], [0])
    images = dict(batch.images)
    images["depth"] = torch.from_numpy(depth.astype(np.float32) / 65535)[None, None]
    images["infrared"] = torch.from_numpy(infrared.astype(np.float32) / 255)[None, None]
    with torch.inference_mode():
        wanted = float(MultiCnn()(replace(batch, images=images, present={})).score[0])
    assert found == pytest.approx(wanted, abs=1e-5)
    assert abs(found - ask(service, {"samples": [sample()]}).json()["scores"][0]) > 1e-3


def test_sensors_that_a_sample_lacks_are_told(service: Prepared) -> None:
    infrared = png(np.full((96, 96), 90, dtype=np.uint8))
    rows = ask(service, {"samples": [sample(), sample() | {"infrared": infrared}]}).json()["samples"]
    assert rows[0]["notes"] == ["it has no depth and no infrared, which multi_cnn also reads"]
    assert rows[1]["notes"] == ["it has no depth, which multi_cnn also reads"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"rgb": "no picture"}, "unreadable photo: not base64"),
        ({"rgb": "bm90aGluZw=="}, "unreadable photo: not a picture in a known format"),
        ({"rgb": None}, "the sample lacks rgb, depth, infrared"),
        ({"depth": png(soft())}, "unreadable depth: not a gray PNG of 16 bits"),
        (
            {"depth": png(np.full((96, 96), 620, dtype=np.uint16))},
            "unreadable depth: millimeters, and not the depth as detectors see it, times 65535",
        ),
        ({"infrared": png(np.zeros((8, 8), dtype=np.uint8))}, "its pictures are not of one size"),
        ({"box": [0.2, 0.2, 0.8, 0.8]}, "the face box is in shares of the frame, not in pixels"),
        ({"box": [1000, 1000, 1100, 1100]}, "the face box is not in the frame of 96 x 96"),
        ({"box": [-50, -50, 10, 10]}, "the face box is not in the frame of 96 x 96"),
        ({"box": [0, 0, 9600, 9600]}, "the face box is not in the frame of 96 x 96"),
        ({"box": [40, 40, 20, 20]}, "the face box is not in the frame of 96 x 96"),
        ({"box": [10, 10, 13, 13]}, "the face box is smaller than 8 pixels"),
    ],
)
def test_what_cannot_be_scored_costs_that_sample_alone(service: Prepared, change: dict[str, Any], reason: str) -> None:
    found = ask(service, {"samples": [sample(1), sample(2) | change, sample(3)]})
    assert found.status_code == 200
    rows = found.json()["samples"]
    assert [row["score"] is None for row in rows] == [False, True, False]
    assert rows[1]["no_response"] == reason
    assert rows[1]["decision"] == "no_response"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"samples": [sample()] * 13}, 413, "samples"),
        ({"samples": [sample(side=200)] * 8}, 413, "pixels"),
        ({"samples": [sample(side=600)]}, 413, "pixels"),
        ({"samples": [sample() | {"rgb": "A" * 2**20}]}, 413, "bytes"),
        ({"samples": []}, 422, "request"),
        ({"samples": [sample() | {"pixels": 1}]}, 422, "request"),
        ({"samples": [sample() | {"box": [0, 0, 1]}]}, 422, "request"),
        ({"version": 2, "samples": [sample()]}, 422, "request"),
        ([], 422, "request"),
    ],
)
def test_requests_beyond_limits_or_of_another_form_are_refused(
    service: Prepared, body: Any, status: int, code: str
) -> None:
    found = ask(service, body)
    assert found.status_code == status, found.text
    assert found.json()["error"] == code
    assert "hint" in found.json()


def test_no_value_of_a_request_comes_back_in_a_refusal(service: Prepared) -> None:
    text = ask(service, {"samples": [{"key": 5, "rgb": "c2VjcmV0IHBpeGVscw=="}]}).text
    assert "c2VjcmV0" not in text
    assert "samples.0.key" in text


@pytest.mark.parametrize("text", ["{", "[" * 100_000, '{"samples": [{"rgb": NaN}]}', "\x00", '"\\ud800"', "1" * 10_000])
def test_broken_bodies_are_refused(service: Prepared, text: str) -> None:
    headers = {"Content-Type": "application/json"}
    found = httpx.post(f"{service.url}/v1/score", content=text, headers=headers, timeout=120)
    assert 400 <= found.status_code < 500, found.text
    assert found.json()["message"]


def test_only_json_of_this_host_is_taken(service: Prepared) -> None:
    url = f"{service.url}/v1/score"
    text = json.dumps({"samples": [sample()]})
    assert httpx.post(url, content=text, headers={"Content-Type": "text/plain"}, timeout=120).status_code == 415
    # a page of another site can make a browser send a body without any type
    assert httpx.post(url, content=text, timeout=120).status_code == 415
    assert httpx.post(url, json={}, headers={"Host": "attacker.example"}, timeout=120).status_code == 400
    assert httpx.post(
        url, content=text, headers={"Content-Type": "application/json", "Host": "localhost:1"}, timeout=120
    ).is_success


def test_an_unknown_model_is_named_with_the_known_ones(service: Prepared) -> None:
    found = ask(service, {"samples": [sample()]}, model="nothing")
    assert found.status_code == 404
    assert "multi_cnn" in found.json()["hint"]


def test_another_facewarden_asks_it_for_scores(service: Prepared, tmp_path: Path) -> None:
    remote = resolve_detector(f"{service.url}/v1/score?model=multi_cnn&faces=given")
    rows = [sample(seed, key=f"k{seed}") for seed in range(4)]
    batch = batch_of(rows, [0, 1, 2, 3])
    with torch.inference_mode():
        assert remote(batch).score.tolist() == pytest.approx(MultiCnn()(batch).score.tolist(), abs=1e-5)
    assert remote.card.sha256  # the hash of its answers to the probe
    settings = tmp_path / "service.json"
    settings.write_text(json.dumps({"url": f"{service.url}/v1/score?model=other", "retries": 0}))
    with pytest.raises(BadInputError, match="404"):
        resolve_detector(f"http_detector:{settings}")
