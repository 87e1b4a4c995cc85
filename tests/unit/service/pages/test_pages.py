"""The page over a real socket: what a browser is told, forged forms, hostile files, keys, and what needs no script."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from sqlalchemy import insert
from starlette import formparsers

from facewarden.reporting.codec import parse_report
from facewarden.reporting.document import Report
from facewarden.reporting.html import write_report
from facewarden.service.pages import router
from facewarden.service.pages.paths import ROOT, SIGN_IN
from facewarden.service.pages.scale import WIDTH, score_scale
from facewarden.service.serving import Prepared
from facewarden.service.settings import RequestLimits
from facewarden.service.store.database import jobs
from served import served, settings_in, soft

ROOT_FOLDER = Path(__file__).parents[4]
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    limits = RequestLimits(bytes=2**20, samples=6, pixels=300_000)
    with served(settings_in(tmp_path_factory.mktemp("service"), limits=limits)) as made:
        yield made


@pytest.fixture
def reader(service: Prepared) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.url, timeout=60, follow_redirects=True) as client:
        yield client


def picture(kind: str = "PNG", *, side: int = 96) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(soft(1, side=side)).save(buffer, format=kind)
    return buffer.getvalue()


def token(page: str) -> str:
    found = re.search(r'name="token" value="([0-9a-f]{64})"', page)
    assert found is not None
    return found[1]


def send(reader: httpx.Client, *files: tuple[str, bytes, str], path: str = "score", **fields: str) -> httpx.Response:
    fields = {"token": token(reader.get(f"{ROOT}/{path}").text)} | fields
    return reader.post(f"{ROOT}/{path}", data=fields, files=[("photos", one) for one in files])


def test_a_browser_is_told_to_run_nothing_but_the_scripts_of_the_package(reader: httpx.Client) -> None:
    for path in ("/", f"{ROOT}/score", f"{ROOT}/purify", f"{ROOT}/audits", f"{ROOT}/models", SIGN_IN, f"{ROOT}/none"):
        answer = reader.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert re.findall(r'(?:src|href)="(?!/|#|data:)', answer.text) == []
    cookie = reader.get(f"{ROOT}/score").request.headers["cookie"]
    assert cookie.startswith("facewarden_page=")
    fresh = httpx.get(f"{reader.base_url}{ROOT}/score")
    assert "HttpOnly" in fresh.headers["set-cookie"]
    assert "SameSite=strict" in fresh.headers["set-cookie"]


def test_files_of_the_page_are_there_and_say_what_they_are(reader: httpx.Client) -> None:
    kinds = {"page.css": "text/css", "page.js": "text/javascript", "htmx-2.0.11.min.js": "text/javascript",
             "icon.svg": "image/svg+xml"}  # fmt: skip
    for name, kind in kinds.items():
        answer = reader.get(f"{ROOT}/static/{name}")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(kind)
    assert reader.get(f"{ROOT}/static/../texts.json").status_code == 404
    assert reader.get(f"{ROOT}/static/%2e%2e/texts.json").status_code == 404


def test_htmx_is_the_published_file() -> None:
    folder = Path(router.__file__).with_name("static")
    told = re.search(r"`([0-9a-f]{64})`", (folder / "README.md").read_text(encoding="utf-8"))
    assert told is not None
    assert hashlib.sha256((folder / "htmx-2.0.11.min.js").read_bytes()).hexdigest() == told[1]


@pytest.mark.parametrize("change", ["no token", "another token", "another cookie", "no cookie", "another site"])
def test_a_forged_form_is_refused(service: Prepared, change: str) -> None:
    with httpx.Client(base_url=service.url, timeout=60) as reader, httpx.Client(base_url=service.url) as other:
        mine, theirs = token(reader.get(f"{ROOT}/score").text), token(other.get(f"{ROOT}/score").text)
        headers = {"Sec-Fetch-Site": "cross-site"} if change == "another site" else {}
        given = {"no token": "", "another token": theirs}.get(change, mine)
        if change == "another cookie":
            reader.cookies = other.cookies
        if change == "no cookie":
            reader.cookies.clear()
        for path in ("score", "purify", "audits", "language", "sign-out", "sign-in"):
            answer = reader.post(f"{ROOT}/{path}", data={"token": given}, headers=headers)
            assert answer.status_code == 403, path
            assert "This form was not sent from the page" in answer.text


@pytest.mark.parametrize(("name", "data", "kind"), [
    ('<img src=x onerror="alert(1)">.png', picture(), "image/png"),
    ("a.svg", SVG, "image/svg+xml"),
    ("a.png", SVG, "image/png"),
    ("a.html", b"<html><script>alert(1)</script>", "text/html"),
    ("polyglot.gif", b"GIF89a/*<script>alert(1)</script>*/=1;", "image/gif"),
    ("jpeg.html", picture("JPEG") + b"<script>alert(1)</script>", "text/html"),
    ("empty.png", b"", "image/png"),
    ("../../etc/passwd\u202egnp.exe", b"MZ", "application/x-msdownload"),
    ("{{ 7 * 7 }}${7*7}.png", b"PK\x03\x04", "image/png"),
])  # fmt: skip
def test_a_file_is_neither_executed_nor_shown_unescaped(
    reader: httpx.Client, name: str, data: bytes, kind: str
) -> None:
    answer = send(reader, ("good.png", picture(), "image/png"), (name, data, kind))
    assert answer.status_code == 200
    page = answer.text
    assert len(re.findall(r"<script", page)) == 2  # those of the package
    assert 'onerror="' not in page.replace("&#34;", '"').replace('onerror="alert(1)"&gt;', "")
    assert "\u202e" not in page
    assert ">49" not in page
    assert SVG.decode() not in page
    for address in re.findall(r'src="(data:[^"]{0,40})', page):
        assert address.startswith("data:image/jpeg;base64,")  # written anew from pixels
    if data == SVG or data.startswith(b"MZ"):
        assert "the file is no photo that can be read" in page


def test_no_byte_of_a_file_reaches_the_browser_again(reader: httpx.Client) -> None:
    tail = b"<script>alert(1)</script>" * 40
    page = send(reader, ("a.jpg", picture("JPEG") + tail, "image/jpeg")).text
    for text in re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page):
        assert b"script" not in base64.b64decode(text)


def test_limits_are_told_as_pages(reader: httpx.Client) -> None:
    many = send(reader, *[(f"{n}.png", picture(), "image/png") for n in range(7)])
    assert (many.status_code, "The form cannot be read" in many.text) == (400, True)
    large = send(reader, ("a.png", b"x" * 2**20, "image/png"))
    assert (large.status_code, "The photos are too large together" in large.text) == (413, True)
    pixels = send(reader, ("a.png", picture(side=700), "image/png"))
    assert (pixels.status_code, "too many pixels" in pixels.text) == (413, True)
    none = send(reader)
    assert (none.status_code, "No photo was chosen" in none.text) == (400, True)
    gone = reader.get(f"{ROOT}/audits/{'0' * 32}")
    assert (gone.status_code, "There is no such audit" in gone.text) == (404, True)
    assert reader.get("/v1/nothing").headers["content-type"] == "application/json"


def test_photos_of_a_form_stay_in_memory(reader: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    original = formparsers.SpooledTemporaryFile

    def watched(*args: Any, **named: Any) -> Any:
        made.append(original(*args, **named))
        return made[-1]

    monkeypatch.setattr(formparsers, "SpooledTemporaryFile", watched)
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda *_, **__: pytest.fail("a photo went to a disk"))
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, format="PNG")
    assert send(reader, *[(f"{n}.png", buffer.getvalue(), "image/png") for n in range(3)]).status_code == 200
    assert len(made) == 3
    assert not any(one._rolled for one in made)


def test_three_languages(reader: httpx.Client) -> None:
    page = reader.get(f"{ROOT}/models", headers={"Accept-Language": "de"}).text
    assert '<html lang="de">' in page
    assert "Lizenz" in page
    chosen = reader.post(f"{ROOT}/language", data={"token": token(page), "language": "zh", "to": f"{ROOT}/models"})
    assert chosen.url.path == f"{ROOT}/models"
    assert '<html lang="zh-Hans">' in chosen.text
    assert "许可证" in chosen.text


@pytest.mark.parametrize(
    "to", ["https://evil.example/", "//evil.example", "/page//evil", "/page/\\evil", "/v1/models", "/page/a\nb"]
)
def test_nobody_is_led_away(reader: httpx.Client, to: str) -> None:
    page = reader.get(f"{ROOT}/score").text
    form = {"token": token(page), "language": "en", "to": to}
    answer = reader.post(f"{ROOT}/language", data=form, follow_redirects=False)
    assert answer.headers["location"] == f"{ROOT}/score"


def test_a_list_that_is_cut_says_so(tmp_path: Path) -> None:
    with served(settings_in(tmp_path)) as made:
        for number in range(101):
            job = made.service.jobs.submit("audit", {"preset": "quick"})
            assert job is not None
            made.service.jobs.cancel(job.id)
            if number == 98:
                assert "latest 100" not in httpx.get(f"{made.url}{ROOT}/audits", timeout=60).text
        page = httpx.get(f"{made.url}{ROOT}/audits", timeout=60).text
        assert page.count('<th scope="row">') == 100
        assert "Only the latest 100 are listed." in page


def test_an_audit_is_started_followed_and_ended_without_scripts(reader: httpx.Client) -> None:
    page = reader.get(f"{ROOT}/audits").text
    assert "There is no audit yet" in page
    given = {"token": token(page), "preset": "quick", "policy": "eer", "seed": "3", "fail_on": "presentation.acer > 5"}
    wrong = reader.post(f"{ROOT}/audits", data=given)
    assert wrong.status_code == 422
    assert 'value="3"' in wrong.text
    assert 'role="alert"' in wrong.text
    good = {"token": token(page), "preset": "quick", "policy": "eer", "seed": "0"}
    odd = reader.post(f"{ROOT}/audits", data={**good, "seed": "x"})
    assert odd.status_code == 422
    started = reader.post(
        f"{ROOT}/audits", data={"token": token(page), "preset": "quick", "policy": "eer", "seed": "0"}
    )
    assert re.fullmatch(f"{ROOT}/audits/[0-9a-f]{{32}}", started.url.path)
    assert '<noscript><meta http-equiv="refresh"' in started.text
    assert 'hx-trigger="every 2s"' in started.text
    assert "<dd>multi_cnn</dd>" in started.text
    assert '<td data-label="Detector">multi_cnn</td>' in reader.get(f"{ROOT}/audits").text
    part = reader.get(f"{started.url.path}/state")
    assert part.text.startswith('<div id="state"')
    assert reader.get(f"{started.url.path}/report").status_code == 409
    reader.post(f"{started.url.path}/cancel", data={"token": token(page)})
    ends = time.monotonic() + 60
    while "canceled" not in (state := reader.get(f"{started.url.path}/state").text):
        assert time.monotonic() < ends
        time.sleep(0.05)
    assert "hx-trigger" not in state
    removed = reader.post(f"{started.url.path}/remove", data={"token": token(page)})
    assert "There is no audit yet" in removed.text


def finished(service: Prepared, report: Report) -> str:
    """An audit that has ended, with its report."""
    identity = uuid.uuid4().hex
    grades = {section.name: section.grade for section in report.sections}
    row = {"id": identity, "kind": "audit", "request": json.dumps({"preset": "quick"}), "state": "done", "by": "",
           "created": time.time(), "outcome": json.dumps({"grades": grades, "gate": None})}  # fmt: skip
    with service.service.engine.begin() as connection:
        connection.execute(insert(jobs).values(row))
    write_report(report, service.service.audits / identity / "run")
    return identity


def test_reports_are_opened_in_a_sandbox_and_compared(service: Prepared, reader: httpx.Client) -> None:
    whole = parse_report((ROOT_FOLDER / "docs/results/audit_default/report.json").read_text(encoding="utf-8"))
    worse = [replace(one, value=0.9, low=0.85, high=0.95) if one.name == "bpcer" else one
             for one in whole.presentation.metrics]  # fmt: skip
    section = replace(whole.presentation, figures=(), metrics=tuple(worse))
    first = finished(service, replace(whole, title="<i>old</i>"))
    second = finished(service, replace(whole, presentation=section))
    listed = reader.get(f"{ROOT}/audits").text
    assert listed.count(f'value="{first}"') == 2
    page = reader.get(f"{ROOT}/audits/compare", params={"first": first, "second": second})
    assert page.status_code == 200
    assert "&lt;i&gt;old&lt;/i&gt;" in page.text
    assert re.search(r"BPCER</th>.*?>worse</td>", page.text, re.S)
    report = reader.get(f"{ROOT}/audits/{second}/report")
    assert report.status_code == 200
    assert "sandbox" in report.headers["content-security-policy"]
    assert "Audit of" in reader.get(f"{ROOT}/audits/{second}").text
    assert reader.get(f"{ROOT}/audits/compare", params={"first": first, "second": "x"}).status_code == 404
    for identity in (first, second):
        reader.post(f"{ROOT}/audits/{identity}/remove", data={"token": token(listed)})


def test_a_service_with_keys_asks_for_one(tmp_path: Path) -> None:
    with served(settings_in(tmp_path)) as made:
        key = made.service.keys.add("reader", scopes=("score",))[1]
        time.sleep(2.1)
        with httpx.Client(base_url=made.url, timeout=60, follow_redirects=True) as reader:
            page = reader.get(f"{ROOT}/models")
            assert page.url.path == SIGN_IN
            wrong = reader.post(SIGN_IN, data={"token": token(page.text), "key": "fw_x_y", "to": f"{ROOT}/models"})
            assert wrong.status_code == 401
            assert "This key is not valid" in wrong.text
            before = reader.cookies["facewarden_page"]
            inside = reader.post(SIGN_IN, data={"token": token(page.text), "key": key, "to": f"{ROOT}/models"})
            assert inside.url.path == f"{ROOT}/models"
            assert reader.cookies["facewarden_page"] != before
            assert reader.get(f"{ROOT}/score").status_code == 200
            refused = reader.get(f"{ROOT}/audits")
            assert (refused.status_code, "Your key does not allow this" in refused.text) == (403, True)
            reader.post(f"{ROOT}/sign-out", data={"token": token(inside.text)})
            assert reader.get(f"{ROOT}/models").url.path == SIGN_IN
            # a part that a script asks for is not replaced by the form: the whole page goes there, and comes back
            audit = f"{ROOT}/audits/{'0' * 32}"
            asked = {"HX-Request": "true", "HX-Current-URL": f"{made.url}{audit}"}
            part = reader.get(f"{audit}/state", headers=asked)
            assert (part.url.path, part.text) == (f"{audit}/state", "")
            assert part.headers["hx-redirect"] == f"{SIGN_IN}?to={audit}"
            elsewhere = reader.get(
                f"{audit}/state", headers={**asked, "HX-Current-URL": "https://a.example//b.example"}
            )
            assert elsewhere.headers["hx-redirect"] == f"{SIGN_IN}?to={ROOT}/score"


@pytest.mark.parametrize(
    ("score", "threshold", "place"), [(0.4, 0.4, 0.5), (9.0, 1.0, 0.9), (-9.0, 1.0, 0.1), (2.4, 0.4, 0.73)]
)
def test_a_score_stands_beside_its_threshold(score: float, threshold: float, place: float) -> None:
    made = score_scale(score, threshold)
    assert made.at / WIDTH == pytest.approx(place, abs=0.02)
    assert 0 < made.at < WIDTH
