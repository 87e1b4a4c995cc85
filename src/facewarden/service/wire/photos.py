"""Requests and answers about photos: score, purify, cloak likelihood and verify."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

# one gray pixel as PNG: every example of the documentation can be sent as it is
EXAMPLE_PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNoaGgAAAMEAYFL09IQAAAAAElFTkSuQmCC"

Key = Annotated[str, Field(max_length=1024, description="Name of the sample; it is given back and never logged.")]
Picture = Annotated[
    str, Field(min_length=1, description="A picture in base64: PNG, JPEG, WebP, TIFF, BMP, GIF or PNM.")
]
Coordinate = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
BoxOnWire = Annotated[
    tuple[Coordinate, Coordinate, Coordinate, Coordinate], Field(description="x0, y0, x1, y1 of the face in pixels.")
]
Samples = Annotated[int, Field(ge=1)]
Kind = Annotated[
    str,
    Field(description="The likeliest kind of cloak: noise, smooth or tint. Empty where none is suspected or told."),
]


class Wire(BaseModel):
    """Base of everything that travels: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class ScoreSample(Wire):
    """One photo or capture; sensors on one pixel grid."""

    key: Key = ""
    rgb: Picture | None = None
    infrared: Annotated[Picture | None, Field(description="8-bit gray PNG in base64.")] = None
    depth: Annotated[
        Picture | None,
        Field(description="16-bit gray PNG in base64 of the depth as detectors see it, times 65535."),
    ] = None
    box: BoxOnWire | None = None


class ScoreRequest(Wire):
    """What `http_detector` of facewarden sends, and what everybody else may send."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"version": 1, "samples": [{"key": "a.png", "rgb": EXAMPLE_PNG}]}]},
    )
    version: Literal[1] = 1
    samples: Annotated[list[ScoreSample], Field(min_length=1)]


class Rule(Wire):
    """The threshold that decided, and where it came from."""

    threshold: float
    origin: str
    simulated: bool
    remarks: list[str] = Field(default_factory=list)


class ScoredSample(Wire):
    """What is known of one sample; `no_response` says why there is no score."""

    key: str
    score: float | None
    probability: float | None = None
    decision: Literal["bona_fide", "attack", "no_response"] | None = None
    faces: int | None = None
    box: BoxOnWire | None = None
    notes: list[str] = Field(default_factory=list)
    no_response: str = ""


class ScoreAnswer(Wire):
    """`scores` is what `http_detector` reads: one number a sample, in order, null where there is none."""

    version: Literal[1] = 1
    model: str
    scores: list[float | None]
    samples: list[ScoredSample]
    rule: Rule | None = None
    warnings: list[str] = Field(default_factory=list)


class Photo(Wire):
    """One photo in a request."""

    key: Key = ""
    rgb: Picture


class PhotosRequest(Wire):
    """Photos whose faces are looked at."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"samples": [{"key": "a.png", "rgb": EXAMPLE_PNG}]}]}
    )
    samples: Annotated[list[Photo], Field(min_length=1)]


class FaceLikelihood(Wire):
    """One face of a photo."""

    box: BoxOnWire
    likelihood: float
    kind: Kind = ""


class LikelihoodOfPhoto(Wire):
    """How likely the most suspicious face of a photo is cloaked; `no_response` says why that is not known."""

    key: str
    likelihood: float | None
    kind: Kind = ""
    suspicious: bool | None = None
    faces: list[FaceLikelihood] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)
    no_response: str = ""


class LikelihoodAnswer(Wire):
    """Likelihoods in the order of the request."""

    model: str
    suspicious_from: float
    samples: list[LikelihoodOfPhoto]


class PurifiedOnWire(Wire):
    """A photo after its faces were purified: a PNG in base64, or why there is none."""

    key: str
    png: str | None
    treatment: Literal["purified", "left as it is"] | None = None
    likelihood: float | None = None
    kind: Kind = ""
    psnr: float | None = None
    ssim: float | None = None
    identity: float | None = None
    faces: int | None = None
    notes: list[str] = Field(default_factory=list)
    no_response: str = ""


class PurifyAnswer(Wire):
    """Photos in the order of the request."""

    model: str
    samples: list[PurifiedOnWire]


class Pair(Wire):
    """Two photos to compare."""

    key: Key = ""
    first: Picture
    second: Picture


class VerifyRequest(Wire):
    """Pairs of photos whose most central faces are compared."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"pairs": [{"key": "a", "first": EXAMPLE_PNG, "second": EXAMPLE_PNG}]}]},
    )
    pairs: Annotated[list[Pair], Field(min_length=1)]
    threshold: Annotated[float | None, Field(ge=-1, le=1, allow_inf_nan=False)] = None


class ComparedPair(Wire):
    """Cosine of two faces; `no_response` says why there is none."""

    key: str
    similarity: float | None
    same: bool | None = None
    notes: list[str] = Field(default_factory=list)
    no_response: str = ""


class VerifyAnswer(Wire):
    """Pairs in the order of the request."""

    model: str
    threshold: float | None
    threshold_from: str
    pairs: list[ComparedPair]


def examples_of(kind: type[BaseModel]) -> dict[str, Any]:
    """The first example of a request, as a test sends it."""
    extra = kind.model_config.get("json_schema_extra")
    assert isinstance(extra, dict)
    found: Any = extra["examples"]
    return dict(found[0])
