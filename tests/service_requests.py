"""Requests that a service must answer without an error of its own: hostile pictures, and what it describes."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import numpy as np
import schemathesis
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.result import Ok

from fuzz.pictures import FAMILIES
from served import sample

ROUTES = ("/v1/score", "/v1/purify", "/v1/cloak-likelihood")
KINDS = tuple(name for name in FAMILIES if name != "no file")


def hostile_statuses(url: str, numbers: Iterable[int], folder: Path) -> Iterator[tuple[str, int]]:
    """Send pictures of the fuzz corpus, each to a route of its turn and to /v1/score; family and status of each answer.

    Args:
        url: of the service.
        numbers: of the pictures.
        folder: to write them into.
    """
    for number in numbers:
        kind = KINDS[number % len(KINDS)]
        place = folder / f"{number}"
        place.mkdir(parents=True)
        FAMILIES[kind](np.random.default_rng(number), place)
        files = [path for path in place.rglob("*") if path.is_file()]
        data = files[0].read_bytes() if files else b""
        row = {"key": f"{number}", "rgb": base64.b64encode(data).decode() or "="}
        for path in (ROUTES[number % 3], "/v1/score"):
            body: dict[str, Any] = {"samples": [row]}
            if path == "/v1/score" and number % 2:
                body = {"samples": [sample() | {"depth": row["rgb"], "infrared": row["rgb"]}]}
            yield kind, httpx.post(f"{url}{path}", json=body, timeout=240).status_code


def described_statuses(url: str, *, examples: int) -> Iterator[tuple[str, list[int], list[str]]]:
    """Requests that a program makes of the description: operation, statuses, and answers that it does not allow.

    Args:
        url: of the service.
        examples: of each operation.
    """
    for result in schemathesis.openapi.from_url(f"{url}/openapi.json").get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()
        if operation.path.endswith("/events"):  # a stream has no end that a check could wait for
            continue
        yield operation.label, *_asked(operation, examples)


def _asked(operation: Any, examples: int) -> tuple[list[int], list[str]]:
    statuses: list[int] = []
    failures: list[str] = []

    @hypothesis.given(case=operation.as_strategy())
    @hypothesis.settings(
        max_examples=examples, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(hypothesis.HealthCheck),
    )  # fmt: skip
    def one(case: Any) -> None:
        response = case.call(timeout=240)
        statuses.append(response.status_code)
        try:
            case.validate_response(response, transport_kwargs={"timeout": 240})
        except (Failure, FailureGroup) as error:
            failures.append(f"{operation.label}: {error}: {response.text[:500]}")

    one()
    return statuses, failures


def counted(statuses: Sequence[int]) -> dict[str, int]:
    """How many requests there were, were answered, were refused, and failed; a connection that broke has status 0."""
    by_hundred = Counter(status // 100 for status in statuses)
    return {
        "requests": len(statuses),
        "answered": by_hundred[2] + by_hundred[3],
        "refused": by_hundred[4],
        "errors_5xx": by_hundred[5] + by_hundred[0],
    }
