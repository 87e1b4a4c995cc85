"""Answers about the service itself, and its refusals."""

from __future__ import annotations

from pydantic import Field

from facewarden.service.wire.photos import Wire


class ProblemAnswer(Wire):
    """A refusal: one word for programs, a sentence, and the next thing to do."""

    error: str
    message: str
    hint: str = ""


class Health(Wire):
    """Whether the service runs and takes requests."""

    status: str


class ServedModel(Wire):
    """A model that is served, from its card."""

    name: str
    role: str
    summary: str
    licence: str
    source: str
    training_data: str
    intended_use: str
    limits: str
    sha256: dict[str, str]
    modalities: list[str] = Field(default_factory=list)
    needs_box: bool = False
    threshold: float | None = None
    threshold_from: str = ""
    remarks: list[str] = Field(default_factory=list)


class ModelsAnswer(Wire):
    """What is served, and what is missing with the command that brings it."""

    models: list[ServedModel]
    missing: dict[str, str]
    captures: list[str]
    faces: list[str]
