"""Hostile files of the fuzz corpus as requests, and requests that a program makes of the description: never a 5xx."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from facewarden.service.serving import Prepared
from facewarden.service.settings import JobLimits, RequestLimits
from facewarden.service.wire.photos import PhotosRequest, ScoreRequest, VerifyRequest, examples_of
from served import served, settings_in
from service_requests import described_statuses, hostile_statuses


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, need_asset: Callable[[str], Path]) -> Iterator[Prepared]:
    need_asset("yunet")
    more = {"purifier": "puface", "limits": RequestLimits(pixels=60_000_000), "jobs": JobLimits(waiting=1)}
    with served(settings_in(tmp_path_factory.mktemp("service"), **more)) as made:
        yield made


def test_some_hostile_pictures_cost_no_more_than_themselves(service: Prepared, tmp_path: Path) -> None:
    found = {status for _, status in hostile_statuses(service.url, range(0, 60, 3), tmp_path)}
    assert found <= {200, 413}
    assert httpx.get(f"{service.url}/health/ready", timeout=240).status_code == 200


@pytest.mark.slow
def test_hostile_pictures_cost_no_more_than_themselves(service: Prepared, tmp_path: Path) -> None:
    assert {status for _, status in hostile_statuses(service.url, range(600), tmp_path)} <= {200, 413}


# what draws from `random` inside of a strategy is schemathesis or what it imports at its first case, nothing of ours
@pytest.mark.filterwarnings("ignore:Do not use the `random` module:hypothesis.errors.HypothesisDeprecationWarning")
@pytest.mark.parametrize("examples", [3, pytest.param(60, marks=pytest.mark.slow)])
def test_requests_made_of_the_description_are_answered_as_it_says(service: Prepared, examples: int) -> None:
    checked = 0
    for operation, statuses, failures in described_statuses(service.url, examples=examples):
        assert not failures, failures[0]
        assert statuses, operation
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
