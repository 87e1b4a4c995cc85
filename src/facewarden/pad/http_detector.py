"""Your detector behind an HTTP endpoint: faces are posted as JSON, scores are returned; no gradients."""

from __future__ import annotations

import base64
import http.client
import io
import ipaddress
import json
import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, urlsplit

import numpy as np
import torch
from annotated_types import MinLen
from PIL import Image
from torch import Tensor

from facewarden.core.batch import FaceBatch
from facewarden.core.card import Card, KnownAnswer
from facewarden.core.errors import BadInputError, ContractError
from facewarden.core.guards.bounded import parse_json
from facewarden.core.labels import Modality
from facewarden.core.roles import Detector, PadOutput
from facewarden.core.settings import Count, NotNegative, Positive, SettingError, Whole, read_json, read_settings
from facewarden.data.photo import read_photo
from facewarden.nn.foreign.known_answers import check_answers, known_input
from facewarden.nn.foreign.probe import answers_hash, keep, probe_batch, probe_pictures, probe_values
from facewarden.pad.parts.http_post import post

LOCAL = "http://127.0.0.1:8780/score"
_LOCAL_NAMES = ("localhost",)
_LARGEST = 1e30  # of a score, which is kept as float32
_PROBE_SIDE = 96
_BUSY = 429
_SURE = 1e-7  # a probability of 0 or 1 has no finite logit
_SETTINGS = '{"url": "http://127.0.0.1:8780/score", "modalities": ["rgb"], "output": "probability"}'


@dataclass(frozen=True)
class HttpSettings:
    """Where a service is and how it answers.

    Attributes:
        url: of the endpoint that takes the POST.
        modalities: what it is sent.
        output: "logit", higher = more bona fide; or the "probability" of bona fide.
        needs_box: whether it is sent face boxes, which every sample must then have.
        remote: allow an address that is not this machine. Faces leave it then.
        batch: samples a request.
        timeout: seconds for a whole answer, from the connection to its last byte.
        retries: further tries after a time-out, a refused connection or an answer of 5xx.
        pause: seconds before the first further try, doubled for each next one.
        invert: its score is higher for attacks.
        key_variable: name of the environment variable that holds an API key of the service; the key itself is in no
            file.
        self_test: known inputs with the scores, as logits, that the service must give when it is loaded.
    """

    url: str = LOCAL
    modalities: Annotated[tuple[Modality, ...], MinLen(1)] = ("rgb",)
    output: Literal["logit", "probability"] = "logit"
    needs_box: bool = False
    remote: bool = False
    batch: Count = 16
    timeout: Positive = 10.0
    retries: Whole = 2
    pause: NotNegative = 0.2
    invert: bool = False
    key_variable: str = ""
    self_test: tuple[KnownAnswer, ...] = ()

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if "@" in parts.netloc:
            raise SettingError(  # the address itself stands in messages and reports
                f"the url of {parts.hostname} holds a user name or a password, which are not sent",
                hint='"key_variable": "NAME" of an environment variable that holds an API key',
                at=("url",),
            )
        if parts.scheme not in ("http", "https") or not parts.hostname or not _has_port(parts) or " " in self.url:
            raise SettingError(f"url {self.url!r} is no address of a service", hint=LOCAL, at=("url",))
        if not self.remote and not _is_local(parts.hostname):
            raise SettingError(
                f"{parts.hostname} is another machine, and faces would be sent there",
                hint='a settings file with "remote": true, where you may send them',
                at=("remote",),
            )


class HttpDetector(Detector):
    """Queries a service for scores, for black-box and transfer attacks on your own system.

    The request is `POST`, JSON: `{"version": 1, "samples": [{"key": "...", "rgb": "<base64 PNG>", "box": [x0, y0, x1,
    y1]}, ...]}`. Color is an 8-bit RGB PNG, infrared an 8-bit gray PNG, depth a 16-bit gray PNG of the encoded depth
    (see `FaceBatch`) times 65535; a sensor that a sample lacks and the box of one without box are left out. The answer
    is `{"scores": [...]}`, one number a sample, in order, null where there is none. Pixels are rounded to what a PNG
    holds, as in a file.

    Args:
        service: a JSON file of `HttpSettings`, or the URL itself; the default is `http://127.0.0.1:8780/score`. Only
            this machine is asked unless a file says `"remote": true`.

    Raises:
        BadInputError: settings that cannot be used, or a remote address without permission.
    """

    differentiable = False

    def __init__(self, service: Path | None = None) -> None:
        super().__init__()
        self.settings = _read(service)
        self._folder = Path() if service is None else service.parent
        self.told_as, self.modalities = self.settings.url, self.settings.modalities
        self.needs_box = self.settings.needs_box
        self.card = Card(
            name="http_detector",
            summary="A detector of yours behind an HTTP endpoint",
            role="pad",
            licence="that of the service",
            source="an endpoint given by the user",
            training_data="unstated",
            intended_use="scoring and black-box attacks on a system of one's own",
            limits="its answers may change while it is measured; only those to the probe tell one service from another",
            settings={"modalities": list(self.modalities), "output": self.settings.output}
            | ({"invert": True} if self.settings.invert else {}),
            self_test=self.settings.self_test,
        )
        self.requires_grad_(False).eval()

    def predict(self, batch: FaceBatch) -> PadOutput:
        """Post the batch in parts and return the scores."""
        return PadOutput(score=self._scores(batch, self.settings).to(batch.device))

    def _scores(self, batch: FaceBatch, settings: HttpSettings) -> Tensor:
        starts = range(0, len(batch), settings.batch)
        parts = [batch.select(range(start, min(start + settings.batch, len(batch)))) for start in starts]
        return torch.cat([self._ask(part, settings) for part in parts]) if parts else torch.zeros(0)

    def _ask(self, part: FaceBatch, settings: HttpSettings) -> Tensor:
        samples = [_sample(part, row, self.modalities) for row in range(len(part))]
        answer = self._post(json.dumps({"version": 1, "samples": samples}).encode())
        scores = answer.get("scores") if isinstance(answer, Mapping) else None
        if not isinstance(scores, list) or len(scores) != len(part):
            count = f"{len(scores)} scores" if isinstance(scores, list) else "no list of scores"
            raise ContractError(f"{settings.url} gave {count} for {len(part)} samples", hint='answer {"scores": [...]}')
        numbers = torch.tensor([_number(score, settings) for score in scores], dtype=torch.float32)
        return -numbers if settings.invert else numbers

    def _post(self, body: bytes) -> Any:
        settings = self.settings
        problem, wait = "", 0.0
        for number in range(settings.retries + 1):
            if number:
                time.sleep(max(settings.pause * 2 ** (number - 1), min(wait, settings.timeout)))
            try:
                answer = post(settings.url, body, seconds=settings.timeout, key=_key(settings))
                if 200 <= answer.status < 300:
                    return parse_json(answer.body, what=settings.url, digits=4000)
                problem, wait = f"answered {answer.status} {answer.reason[:100]}", answer.retry_after or 0.0
                if answer.status < 500 and answer.status != _BUSY:
                    break
            except TimeoutError:
                problem = f"did not answer within {settings.timeout:g} s"
            except (OSError, http.client.HTTPException) as error:
                problem = f"cannot be reached: {str(error)[:200] or type(error).__name__}"
            except ValueError as error:
                problem = f"answered something that is not JSON: {str(error)[:200]}"
                break
        raise BadInputError(f"{settings.url} {problem}", hint="start the service, or look at its log")

    def probe_service(self) -> None:
        """Ask for scores of eight small pictures, which must be the same twice, and alone as in a batch.

        Raises:
            BadInputError: the service does not answer, or its answers contradict each other or the settings.
        """
        url, output = self.settings.url, self.settings.output
        values = probe_values(
            lambda pictures: self.predict(probe_batch(pictures, self.modalities)).score,
            probe_pictures(3, _PROBE_SIDE),
            source=url,
            hint='"batch": 1 in its settings file, if the score of a picture alone is right',
        )
        remarks = []
        if float(values.max() - values.min()) <= 1e-6 * max(float(values.abs().max()), 1e-6):
            remarks.append(f"{url}: gives every picture of the probe the same score")
        elif output == "logit" and float(values.min()) >= 0 and float(values.max()) <= 1:
            remarks.append(f'{url}: all its logits lie in 0..1; "output": "probability" in its settings, if they are')
        other: Literal["logit", "probability"] = "probability" if output == "logit" else "logit"
        others = {
            f'"invert": {str(not self.settings.invert).lower()}': replace(
                self.settings, invert=not self.settings.invert
            ),
            f'"output": "{other}"': replace(self.settings, output=other),
        }
        check_answers(self.card, self._answer, self.settings, others=others, source=url)
        self.card = replace(self.card, remarks=tuple(keep(remarks)), sha256=answers_hash(values))

    def _answer(self, one: KnownAnswer, settings: HttpSettings) -> float:
        picture = known_input(
            one.input, folder=self._folder, channels=3, side=_PROBE_SIDE, source=settings.url, read=read_photo
        )
        height, width = picture.shape[-2:]
        box = torch.tensor([one.box or (0.0, 0.0, float(width), float(height))])
        try:
            return float(self._scores(replace(probe_batch(picture, self.modalities), box=box), settings)[0])
        except ContractError as error:  # numbers that other settings forbid
            raise BadInputError(error.message, hint=error.hint) from error

    @classmethod
    def example(cls, folder: Path) -> HttpDetector:
        """Return one whose service runs in a thread of this process and answers the mean brightness."""
        from facewarden.pad.parts.local_service import serve_brightness

        file = folder / "service.json"
        file.write_text(json.dumps({"url": serve_brightness(), "retries": 0}), encoding="utf-8")
        return cls(file)


def _sample(part: FaceBatch, row: int, modalities: tuple[Modality, ...]) -> dict[str, Any]:
    sample: dict[str, Any] = {"key": part.key[row]}
    for name in modalities:
        if name in part.images and bool(part.present[name][row]):
            sample[name] = base64.b64encode(_png(part.images[name][row], name)).decode()
    if part.box is not None:
        sample["box"] = [float(value) for value in part.box[row].tolist()]
    return sample


def _png(image: Tensor, modality: Modality) -> bytes:
    levels = 65535 if modality == "depth" else 255
    pixels = (image.detach().cpu().double().clamp(0, 1) * levels).round().numpy()
    array = pixels.astype(np.uint16 if modality == "depth" else np.uint8)
    array = array.transpose(1, 2, 0) if modality == "rgb" else array[0]
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(array)).save(buffer, format="PNG")
    return buffer.getvalue()


def _key(settings: HttpSettings) -> str:
    if not settings.key_variable:
        return ""
    key = os.environ.get(settings.key_variable, "")
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise BadInputError(
            f"{settings.url}: the environment variable {settings.key_variable} holds no API key",
            hint=f"export {settings.key_variable}=...",
        )
    return key


def _number(value: Any, settings: HttpSettings) -> float:
    if value is None:
        return math.nan
    if isinstance(value, float) and not math.isfinite(value):
        return math.nan  # costs that sample: whoever scores names it
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST:
        raise ContractError(f"{settings.url} gave the score {str(value)[:40]!r}", hint="finite numbers")
    if settings.output == "logit":
        return float(value)
    if not 0.0 <= value <= 1.0:
        raise ContractError(f"{settings.url} gave the probability {value:g}", hint='"output": "logit" for raw scores')
    sure = min(max(float(value), _SURE), 1.0 - _SURE)
    return math.log(sure / (1.0 - sure))


def _read(service: Path | None) -> HttpSettings:
    if service is None:
        return HttpSettings()
    text = str(service)
    scheme, slash, rest = text.partition(":/")  # a path has lost one of the two slashes
    if slash and scheme in ("http", "https"):
        return HttpSettings(url=f"{scheme}://{rest.lstrip('/')}")
    values = read_json(service, what="settings of a service", hint=_SETTINGS)
    return read_settings(HttpSettings, values, source=str(service))


def _has_port(parts: SplitResult) -> bool:
    try:
        return parts.port is None or parts.port > 0
    except ValueError:
        return False


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in _LOCAL_NAMES


entry = HttpDetector
