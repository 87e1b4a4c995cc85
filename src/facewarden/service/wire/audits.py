"""Requests and answers about audits, which run in the background."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from facewarden.service.wire.photos import Wire

_SECTION = "(presentation|perturbation|poisoning)"
_METRIC = (
    rf"{_SECTION}\.(acer|apcer|bpcer|eer|auc|attack_as_bona_fide|bona_fide_as_attack|success)(\[[a-z]+=[a-z0-9_]+\])?"
)
_TERM = rf"({_METRIC} (>|>=|<|<=) 0\.[0-9]{{1,6}}|grade\({_SECTION}\) > [A-D])"
GATE = rf"^{_TERM}( (or|and) {_TERM}){{0,7}}$"
"""Gates that a request may name: comparisons joined by or, and; `facewarden audit --fail-on` takes more."""
POLICY = r"^(eer|apcer=0\.[0-9]{0,5}[1-9])$"

Name = Annotated[str, Field(min_length=1, max_length=200)]


class AuditRequestOnWire(Wire):
    """What is audited: names that the service serves; no path of the server can be named."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"detector": "multi_cnn", "preset": "quick", "seed": 0}]}
    )
    detector: Annotated[Name | None, Field(description="A served detector; the first one when left out.")] = None
    preset: Literal["quick", "standard", "thorough"] = "quick"
    policy: Annotated[str, Field(pattern=POLICY, max_length=100, examples=["eer", "apcer=0.05"])] = "eer"
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    captures: Annotated[Name | None, Field(description="Captures of the settings; simulated when left out.")] = None
    faces: Annotated[Name | None, Field(description="Photos of people of the settings.")] = None
    fail_on: Annotated[str | None, Field(pattern=GATE, max_length=1000, examples=["presentation.acer > 0.05"])] = None


class JobAnswer(Wire):
    """One audit: what was asked for, how far it is, and how it ended."""

    id: str
    state: Literal["queued", "running", "done", "failed", "canceled"]
    request: dict[str, Any]
    created: float
    started: float | None = None
    ended: float | None = None
    tries: int
    canceling: bool
    progress: dict[str, Any]
    outcome: dict[str, Any]


class JobsAnswer(Wire):
    """Audits, the newest first."""

    audits: list[JobAnswer]
