"""What a failed gate tells the outside: one POST of JSON, numbers and names alone, never a photo."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from facewarden.core.errors import BadInputError
from facewarden.pad.parts.http_post import post
from facewarden.reporting.document import Metric
from facewarden.reporting.trends.history import History
from facewarden.reporting.trends.page import Failure
from facewarden.reporting.trends.reference import MetricReference

SCHEMA = "facewarden.alert/1"
Event = Literal["gate_failed", "gate_recovered", "audit_not_made"]
_SECONDS, _PAUSE = 10.0, 0.5


@dataclass(frozen=True)
class Alert:
    """A message to the webhook about one audit.

    Attributes:
        key: tells alerts apart; none is sent twice.
        event: what happened.
        body: the JSON that is posted.
    """

    key: str
    event: Event
    body: dict[str, Any]


@dataclass(frozen=True)
class Webhook:
    """An address that takes alerts.

    Args:
        url: of http or https. What follows the host is a secret of many services: it is never printed.
        retries: further attempts after a failure, each after twice the pause.
        pause: seconds before the first of them.

    Raises:
        BadInputError: no such address.
    """

    url: str
    retries: int = 3
    pause: float = _PAUSE

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            fit = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        except ValueError:
            fit = False
        if not fit or not self.url.isascii() or any(letter.isspace() for letter in self.url):
            raise BadInputError("--webhook is no address", hint="--webhook https://HOST/PATH")

    @property
    def shown(self) -> str:
        """The address without what may be secret."""
        parts = urlsplit(self.url)
        host = parts.netloc.rpartition("@")[2]
        return f"{parts.scheme}://{host}/…"

    def send(self, alert: Alert) -> str:
        """Post an alert, again after failures.

        Returns:
            Empty where it was taken (any 2xx), else why not.
        """
        body = json.dumps(alert.body, allow_nan=False).encode()
        problem = ""
        for number in range(self.retries + 1):
            if number:
                time.sleep(self.pause * 2 ** (number - 1))
            try:
                answer = post(self.url, body, seconds=_SECONDS)
            except TimeoutError:
                problem = f"{self.shown} did not answer within {_SECONDS:g} s"
            except (OSError, http.client.HTTPException, ValueError) as error:
                problem = f"{self.shown} cannot be reached: {type(error).__name__}"
            except BadInputError:
                return ""  # it answered, with more than is read: the alert arrived
            else:
                if 200 <= answer.status < 300:
                    return ""
                problem = f"{self.shown} answered {answer.status}"
                if answer.status < 500 and answer.status != 429:
                    break
        return problem


def gate_alerts(system: History, references: tuple[MetricReference, ...]) -> list[Alert]:
    """The alert of a history's latest audit, if there is one: its gate failed, or passed after it had failed.

    Args:
        system: the audits.
        references: metrics whose numbers are sent along.
    """
    latest = system.latest
    before = system.points[-2] if len(system.points) > 1 else None
    if latest.failed:
        event: Event = "gate_failed"
    elif before is not None and before.failed and latest.gate is not None:
        event = "gate_recovered"
    else:
        return []
    since = system.failing_since or latest
    found = [(one.section, metric) for one in references for _, metric in one.metrics(latest.report)]
    assert latest.gate is not None
    body = {
        "schema": SCHEMA,
        "event": event,
        "system": system.title,
        "audit": latest.name,
        "created": latest.report.created,
        "gate": {"expression": latest.gate.expression, "detail": latest.gate.detail},
        "failing_since": since.report.created if latest.failed else None,
        "grades": {section.name: section.grade for section in latest.report.sections},
        "metrics": [_number(section, metric) for section, metric in found],
    }
    return [Alert(f"{event}:{system.title}:{latest.name}", event, body)]


def failure_alert(failure: Failure) -> Alert:
    """The alert of an audit that could not be made."""
    body = {"schema": SCHEMA, "event": "audit_not_made", "audit": failure.name, "created": failure.moment,
            "reason": failure.reason}  # fmt: skip
    return Alert(f"audit_not_made:{failure.name}", "audit_not_made", body)


def _number(section: str, metric: Metric) -> dict[str, Any]:
    return {"metric": f"{section}.{metric.label}", "value": metric.value, "low": metric.low, "high": metric.high,
            "n": metric.n, "simulated": metric.simulated}  # fmt: skip
