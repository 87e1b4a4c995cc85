"""Scores of photos and captures: the endpoint that `http_detector` of another facewarden asks."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.requests import Request

from facewarden.evaluation.photo_scores import PhotoScore
from facewarden.evaluation.verdicts.rule import VerdictRule
from facewarden.service.models.held import ServedDetector
from facewarden.service.models.pictures import NoPicture
from facewarden.service.models.scorer import Frames, SampleBytes
from facewarden.service.routes.parts import Given, accepted, counted, read_samples
from facewarden.service.state import Service, service_of
from facewarden.service.wire.about import ProblemAnswer
from facewarden.service.wire.photos import Rule, ScoreAnswer, ScoredSample, ScoreRequest, ScoreSample
from facewarden.verbs.own.verdict_result import NO_RESPONSE, warnings_of

router = APIRouter(tags=["photos"])
SENSORS = ("rgb", "infrared", "depth")


@router.post(
    "/v1/score",
    summary="Score photos or captures",
    responses={404: {"model": ProblemAnswer}, 413: {"model": ProblemAnswer}, 429: {"model": ProblemAnswer}},
)
async def score(
    asked: ScoreRequest,
    request: Request,
    model: Annotated[str | None, Query(max_length=200, description="A served detector; the first by default.")] = None,
    faces: Annotated[
        Literal["find", "given"],
        Query(description="Of samples without a box: find the largest face, or score the frame as it is given."),
    ] = "find",
) -> ScoreAnswer:
    """Score each sample with a presentation attack detector: a logit, higher is more bona fide.

    A sample that has no score (no face, no picture, too large) has null in `scores` and a reason in `no_response`.
    Where the detector has a threshold, each score is decided.
    """
    service = service_of(request)
    served = service.models.detector(model)
    with accepted(service, request, len(asked.samples), action="score"):
        rows = await score_samples(service, served, asked.samples, find=faces == "find")
    counted(service, "/v1/score", [row.skipped for row in rows])
    scorer = served.scorer
    return ScoreAnswer(
        model=scorer.name,
        scores=[row.score for row in rows],
        samples=[_told(row, scorer.rule) for row in rows],
        rule=None if scorer.rule is None else rule_on_wire(scorer.rule),
        warnings=list(warnings_of(scorer.detector)),
    )


async def score_samples(
    service: Service, served: ServedDetector, samples: list[ScoreSample], *, find: bool
) -> list[PhotoScore]:
    """Read samples and score them in batches; a row for each, in order."""
    texts = [[getattr(sample, sensor) for sensor in SENSORS] for sample in samples]

    def read_one(place: int, given: list[Given]) -> Frames:
        return _read(served, samples[place], dict(zip(SENSORS, given, strict=True)), find=find)

    with served.batches.announced(len(samples)):
        read = await read_samples(service, texts, read_one)
    places = [place for place, frames in enumerate(read) if frames.images]
    scored = await served.batches.compute([read[place] for place in places])
    rows = [frames.row for frames in read]
    for place, row in zip(places, scored, strict=True):
        rows[place] = row
    return rows


def _read(served: ServedDetector, sample: ScoreSample, pictures: dict[str, Given], *, find: bool) -> Frames:
    broken = next((one for one in pictures.values() if isinstance(one, NoPicture)), None)
    if broken is not None:
        return Frames(PhotoScore(sample.key, None, box=sample.box, skipped=str(broken)))
    known = {name: data for name, data in pictures.items() if isinstance(data, bytes)}
    return served.scorer.read(SampleBytes(sample.key, known, sample.box), find=find)


def _told(row: PhotoScore, rule: VerdictRule | None) -> ScoredSample:
    decided = None if rule is None or row.score is None else rule.decision(row.score)
    return ScoredSample.model_validate(
        {
            "key": row.key,
            "score": row.score,
            "probability": None if rule is None or row.score is None else rule.probability_of(row.score),
            "decision": NO_RESPONSE if row.score is None else decided,
            "faces": row.faces,
            "box": row.box,
            "notes": list(row.notes),
            "no_response": row.skipped,
        }
    )


def rule_on_wire(rule: VerdictRule) -> Rule:
    """A threshold as answers have it."""
    return Rule(threshold=rule.threshold, origin=rule.origin, simulated=rule.simulated, remarks=list(rule.remarks))
