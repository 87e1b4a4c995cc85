"""Purified photos, cloak likelihoods and comparisons over a real socket are those of the verbs."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from PIL import Image

from facewarden.align import align_face, choose_face
from facewarden.core.resolve import resolve_aligner, resolve_purifier, resolve_recognizer
from facewarden.core.roles import FaceLocation
from facewarden.data.simulate import Simulation, simulate
from facewarden.photos.aligned import to_images
from facewarden.photos.cloak_detector import CloakDetector, Suspicion
from facewarden.photos.purify_faces import FacePurifier, FacesOfPhoto
from facewarden.purifiers.parts.learned import LearnedPurifier
from facewarden.service.models.faces import Located
from facewarden.service.models.pictures import in_memory, pixels_of, read_color
from facewarden.service.pages.paths import ROOT
from facewarden.service.routes.faces import judged
from facewarden.service.serving import Prepared
from served import png, served, settings_in, soft


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Two photos of simulated faces."""
    folder = tmp_path_factory.mktemp("captures")
    simulate(folder / "c", Simulation(subjects=3, captures_per_subject=2, size=256, seed=3))
    finder = resolve_aligner("yunet")
    files = sorted((folder / "c").rglob("*rgb*.png")) or sorted((folder / "c").rglob("*.png"))
    found = []
    for path in files:
        image = np.asarray(Image.open(path).convert("RGB"))
        if image.shape[0] == 256 and finder.locate(image):
            found.append(path.read_bytes())
        if len(found) == 2:
            return found
    raise AssertionError("no simulated face is found")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, need_asset: Callable[[str], Path]) -> Iterator[Prepared]:
    for name in ("yunet", "faceplugin_recognizer"):
        need_asset(name)
    more = {"purifier": "puface", "recognizer": "mobilefacenet_512"}
    with served(settings_in(tmp_path_factory.mktemp("service"), **more)) as made:
        yield made


def ask(service: Prepared, path: str, body: Any, **query: Any) -> Any:
    answer = httpx.post(f"{service.url}{path}", json=body, params=query, timeout=240)
    assert answer.status_code == 200, answer.text
    return answer.json()


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def faces_in(data: bytes) -> FacesOfPhoto:
    pixels = read_color(data)[0]
    return FacesOfPhoto(pixels, tuple(resolve_aligner("yunet").locate(pixels)))


def test_a_purified_photo_is_that_of_the_purifier_and_keeps_what_the_file_tells(
    service: Prepared, photos: list[bytes]
) -> None:
    exif = Image.Exif()
    exif[0x010E] = "described"
    buffer = io.BytesIO()
    Image.open(io.BytesIO(photos[0])).convert("RGB").save(buffer, format="PNG", exif=exif)
    first = buffer.getvalue()
    samples = [{"key": "a", "rgb": text(first)}, {"key": "b", "rgb": png(soft())}, {"key": "c", "rgb": "no picture"}]
    rows = ask(service, "/v1/purify", {"samples": samples})["samples"]
    wanted = FacePurifier(resolve_purifier("puface"), resolve_recognizer("mobilefacenet_512"), CloakDetector("puface"))
    made = wanted([faces_in(first)])[0]
    with Image.open(io.BytesIO(base64.b64decode(rows[0]["png"]))) as image:
        assert image.getexif()[0x010E] == "described"
        difference = np.abs(np.asarray(image).astype(int) - np.asarray(made.pixels).astype(int))
    assert difference.max() <= 1
    assert rows[0]["treatment"] == "purified"
    assert rows[0]["likelihood"] == pytest.approx(made.likelihood, abs=1e-4)
    assert rows[0]["identity"] == pytest.approx(made.identity, abs=1e-3)
    assert [row["no_response"] for row in rows[1:]] == ["no face found", "unreadable photo: not base64"]
    assert [row["png"] for row in rows[1:]] == [None, None]


def test_photos_below_a_suspicion_are_left_as_they_are(service: Prepared, photos: list[bytes]) -> None:
    body = {"samples": [{"key": "a", "rgb": text(photos[0])}]}
    likely = ask(service, "/v1/cloak-likelihood", body)["samples"][0]["likelihood"]
    (row,) = ask(service, "/v1/purify", body, suspicion=min(1.0, likely + 1e-3))["samples"]
    assert row["treatment"] == "left as it is"
    assert (row["psnr"], row["identity"]) == (100.0, 1.0)
    with Image.open(io.BytesIO(base64.b64decode(row["png"]))) as image:
        assert np.array_equal(np.asarray(image.convert("RGB")), read_color(photos[0])[0])


def test_cloak_likelihoods_are_those_of_the_detector(service: Prepared, photos: list[bytes]) -> None:
    answer = ask(
        service, "/v1/cloak-likelihood", {"samples": [{"key": f"{k}", "rgb": text(p)} for k, p in enumerate(photos)]}
    )
    for row, data in zip(answer["samples"], photos, strict=True):
        wanted = CloakDetector("puface")(to_images(faces_in(data).crops()))
        assert row["likelihood"] == pytest.approx(float(wanted.max()), abs=1e-4)
        assert row["suspicious"] == (row["likelihood"] >= answer["suspicious_from"])
        assert len(row["faces"]) == len(wanted)


def told_by_kind(photos: list[bytes], kinds: list[list[float]]) -> Callable[..., torch.Tensor]:
    """Stands in for the kinds that `puface` tells: a row for each face, which is known by its pixels."""
    crops = torch.cat([to_images(faces_in(data).crops()) for data in photos])
    assert len(crops) == len(kinds)

    def told(_: LearnedPurifier, images: torch.Tensor, __: torch.Tensor) -> torch.Tensor:
        rows = [int((crops - image).abs().sum(dim=(1, 2, 3)).argmin()) for image in images]
        return torch.tensor([kinds[row] for row in rows])

    return told


def test_the_suspected_kind_of_cloak_is_told(
    service: Prepared, photos: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = {"samples": [{"key": f"{k}", "rgb": text(data)} for k, data in enumerate(photos)]}
    names = service.service.models.cloaks
    assert names is not None
    assert names.kinds == ("noise", "smooth", "tint")
    told = told_by_kind(photos, [[0.1, 0.7, 0.2], [0.1, 0.1, 0.3]])
    monkeypatch.setattr(LearnedPurifier, "kind_likelihoods", told)
    rows = ask(service, "/v1/cloak-likelihood", samples)["samples"]
    assert [row["kind"] for row in rows] == ["smooth", ""]
    assert [face["kind"] for row in rows for face in row["faces"]] == ["smooth", ""]
    for query, kinds, treatments in (
        ({}, ["smooth", ""], ["purified", "purified"]),
        ({"suspicion": 0.2}, ["smooth", "tint"], ["purified", "purified"]),
        ({"suspicion": 0.5}, ["smooth", ""], ["purified", "left as it is"]),
        ({"suspicion": 0.8}, ["", ""], ["left as it is", "left as it is"]),
    ):
        rows = ask(service, "/v1/purify", samples, **query)["samples"]
        assert [row["kind"] for row in rows] == kinds
        assert [row["treatment"] for row in rows] == treatments
    with httpx.Client(base_url=service.url, timeout=240, headers={"Accept-Language": "de"}) as reader:
        form = re.search(r'name="token" value="([0-9a-f]{64})"', reader.get(f"{ROOT}/purify").text)
        assert form is not None
        files = [("photos", (f"{k}.png", data, "image/png")) for k, data in enumerate(photos)]
        page = reader.post(f"{ROOT}/purify", data={"token": form.group(1)}, files=files).text
    assert page.count("Vermutete Art des Schutzfilters") == 1
    assert "<dd>glattes Feld</dd>" in page


def test_a_face_whose_likelihood_is_no_number_is_the_most_suspicious_wherever_it_stands() -> None:
    face = FaceLocation((0.0, 0.0, 20.0, 20.0), tuple((5.0 + k, 5.0) for k in range(5)), 1.0)
    photo = Located(FacesOfPhoto(soft(), (face, face)), ())
    lost, likely = Suspicion(float("nan"), "tint"), Suspicion(0.2, "noise")
    for found in ([lost, likely], [likely, lost]):
        row = judged("a", photo, found)
        assert (row.suspicious, row.kind) == (True, "tint")
        assert {one.kind for one in row.faces} == {"tint", ""}


def test_a_comparison_is_the_cosine_of_the_recognizer(service: Prepared, photos: list[bytes]) -> None:
    one, two = (text(data) for data in photos)
    pairs = [{"key": "p", "first": one, "second": two}, {"key": "q", "first": one, "second": one},
             {"key": "r", "first": one, "second": png(soft())}]  # fmt: skip
    answer = ask(service, "/v1/verify", {"pairs": pairs})
    model = resolve_recognizer("mobilefacenet_512")
    crops = []
    for data in photos:
        found = faces_in(data)
        face = choose_face(found.faces, size=(256, 256), several="most_central")
        crops.append(align_face(found.pixels, face.landmarks))
    first, second = model.embed(to_images(np.stack(crops))).double()
    assert answer["threshold"] == model.card.match_threshold
    assert answer["pairs"][0]["similarity"] == pytest.approx(float(first @ second), abs=1e-4)
    assert answer["pairs"][0]["same"] == (answer["pairs"][0]["similarity"] >= answer["threshold"])
    assert answer["pairs"][1]["similarity"] == pytest.approx(1.0, abs=1e-5)
    assert answer["pairs"][2]["no_response"] == "second: no face found"
    stricter = ask(service, "/v1/verify", {"pairs": pairs[1:2], "threshold": 1.0})
    assert stricter["threshold_from"] == "the request"


def test_a_photo_without_a_box_is_scored_by_the_face_that_is_found(service: Prepared, photos: list[bytes]) -> None:
    body = {"samples": [{"key": "a", "rgb": text(photos[0])}]}
    (row,) = ask(service, "/v1/score", body)["samples"]
    face = choose_face(faces_in(photos[0]).faces, size=(256, 256))
    assert row["faces"] >= 1
    assert row["box"] == pytest.approx(face.box, abs=0.01)
    boxed = ask(service, "/v1/score", {"samples": [{"rgb": text(photos[0]), "box": list(face.box)}]})["scores"][0]
    assert row["score"] == pytest.approx(boxed, abs=1e-3)
    whole = ask(service, "/v1/score", body, faces="given")["samples"][0]
    assert whole["box"] is None
    assert whole["score"] is not None


def test_nothing_of_a_photo_is_on_the_disk(service: Prepared, photos: list[bytes]) -> None:
    ask(service, "/v1/score", {"samples": [{"key": "a", "rgb": text(photos[0])}]})
    folder = service.service.settings.data
    assert {path.name for path in folder.iterdir()} <= {
        "service.db", "service.db-wal", "service.db-shm", "actions.log", ".main.lock"
    }  # fmt: skip
    assert all(photos[0][40:80] not in path.read_bytes() for path in folder.iterdir())


def test_photos_are_kept_where_the_settings_say_so(tmp_path: Path) -> None:
    with served(settings_in(tmp_path, keep_photos=True)) as made:
        sent = png(soft())
        httpx.post(f"{made.url}/v1/score", json={"samples": [{"rgb": sent, "box": [9, 9, 60, 60]}]}, timeout=240)
        (kept,) = (path for path in (tmp_path / "photos").rglob("*") if path.is_file())
        assert kept.read_bytes() == base64.b64decode(sent)
        assert (tmp_path / "photos").stat().st_mode & 0o077 == 0
        missing = httpx.post(f"{made.url}/v1/purify", json={"samples": [{"rgb": sent}]}, timeout=240)
        assert (missing.status_code, missing.json()["error"]) == (404, "model")


def test_a_picture_in_memory_leaves_nothing_behind() -> None:
    with in_memory(b"bytes") as path:
        assert path.read_bytes() == b"bytes"
    assert not path.exists()
    assert pixels_of(base64.b64decode(png(soft(side=50)))) == 2500
    assert pixels_of(b"nothing") == 0
