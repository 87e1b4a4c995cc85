"""Hostile files of the fuzz corpus as requests, and requests that a program makes of the description: never a 5xx."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import numpy as np
import pytest
import schemathesis
from schemathesis.core.result import Ok

from facewarden.service.serving import Prepared
from facewarden.service.settings import JobLimits, RequestLimits
from facewarden.service.wire.photos import PhotosRequest, ScoreRequest, VerifyRequest, examples_of
from fuzz.pictures import FAMILIES
from served import sample, served, settings_in

ROUTES = ("/v1/score", "/v1/purify", "/v1/cloak-likelihood")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, need_asset: Callable[[str], Path]) -> Iterator[Prepared]:
    need_asset("yunet")
    more = {"purifier": "puface", "limits": RequestLimits(pixels=60_000_000), "jobs": JobLimits(waiting=1)}
    with served(settings_in(tmp_path_factory.mktemp("service"), **more)) as made:
        yield made


def hostile(number: int, folder: Path) -> bytes:
    """Bytes of one picture of the corpus."""
    folder.mkdir()
    kinds = [name for name in FAMILIES if name != "no file"]
    FAMILIES[kinds[number % len(kinds)]](np.random.default_rng(number), folder)
    files = [path for path in folder.rglob("*") if path.is_file()]
    return files[0].read_bytes() if files else b""


def sent(service: Prepared, numbers: list[int], folder: Path) -> list[int]:
    """Statuses of requests with pictures of the corpus."""
    statuses = []
    for number in numbers:
        row = {"key": f"{number}", "rgb": base64.b64encode(hostile(number, folder / f"{number}")).decode() or "="}
        for path in (ROUTES[number % 3], "/v1/score"):
            body: dict[str, Any] = {"samples": [row]}
            if path == "/v1/score" and number % 2:
                body = {"samples": [sample() | {"depth": row["rgb"], "infrared": row["rgb"]}]}
            statuses.append(httpx.post(f"{service.url}{path}", json=body, timeout=240).status_code)
    return statuses


def test_some_hostile_pictures_cost_no_more_than_themselves(service: Prepared, tmp_path: Path) -> None:
    found = sent(service, list(range(0, 60, 3)), tmp_path)
    assert set(found) <= {200, 413}
    assert httpx.get(f"{service.url}/health/ready", timeout=240).status_code == 200


@pytest.mark.slow
def test_hostile_pictures_cost_no_more_than_themselves(service: Prepared, tmp_path: Path) -> None:
    assert set(sent(service, list(range(600)), tmp_path)) <= {200, 413}


# what draws from `random` inside of a strategy is schemathesis or what it imports at its first case, nothing of ours
@pytest.mark.filterwarnings("ignore:Do not use the `random` module:hypothesis.errors.HypothesisDeprecationWarning")
@pytest.mark.parametrize("examples", [3, pytest.param(60, marks=pytest.mark.slow)])
def test_requests_made_of_the_description_are_answered_as_it_says(service: Prepared, examples: int) -> None:
    schema = schemathesis.openapi.from_url(f"{service.url}/openapi.json")
    checked = 0
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()
        if operation.path.endswith("/events"):  # a stream has no end that a check could wait for
            continue

        @hypothesis.given(case=operation.as_strategy())
        @hypothesis.settings(
            max_examples=examples, deadline=None, database=None, derandomize=True,
            suppress_health_check=list(hypothesis.HealthCheck),
        )  # fmt: skip
        def one(case: Any) -> None:
            case.call_and_validate(timeout=240)

        one()
        checked += 1
    assert checked >= 13


def test_every_request_has_an_example_that_works(service: Prepared) -> None:
    about = httpx.get(f"{service.url}/openapi.json", timeout=240).json()
    for name, path, kind in (
        ("ScoreRequest", "/v1/score", ScoreRequest),
        ("PhotosRequest", "/v1/purify", PhotosRequest),
    ):
        assert about["components"]["schemas"][name]["examples"] == [examples_of(kind)]
        assert httpx.post(f"{service.url}{path}", json=examples_of(kind), timeout=240).status_code == 200
    assert about["components"]["schemas"]["VerifyRequest"]["examples"] == [examples_of(VerifyRequest)]
    assert about["components"]["schemas"]["ScoreRequest"]["properties"]["samples"]["maxItems"] == 64
    assert about["paths"]["/v1/score"]["post"]["security"] == [{}, {"key": []}]
    assert np.all([path.startswith(("/v1/", "/health/", "/metrics")) for path in about["paths"]])
