"""Shards merged are what one call writes, by value; what does not make one whole is refused."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import facewarden
from facewarden.cli import main
from facewarden.core import registry
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Aligner, Detector, FaceLocation, PadOutput
from facewarden.data.table import read_table
from facewarden.evaluation import photo_scores
from facewarden.scale.record import read_records
from facewarden.training.pairs import read_pairs
from facewarden.verbs.evaluated import Evaluated
from facewarden.verbs.scaling.merge import Merged
from facewarden.verbs.training_data import pairs as pairs_module
from stand_in_kind import Draws
from stand_ins import TinyRecognizer, make_faces
from tiny_captures import write_captures

SHARDS = ("1/3", "2/3", "3/3")


class Brightness(Detector):
    """Score = 10 x mean of the frame, or a number that is none for dark ones."""

    card = Card("brightness", "brightness", "pad")
    needs_box = True

    def predict(self, batch: Any) -> PadOutput:
        return PadOutput(10 * batch.images["rgb"].mean(dim=(1, 2, 3)))


class WholePhoto(Aligner):
    """Finds one face in every photo that is not black."""

    def locate(self, image: NDArray[np.uint8]) -> tuple[FaceLocation, ...]:
        points = ((38.0, 52.0), (74.0, 52.0), (56.0, 72.0), (41.0, 92.0), (71.0, 92.0))
        return (FaceLocation((2.0, 2.0, 110.0, 110.0), points),) if image.max() > 0 else ()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Nine aligned faces, a photo without a face and a broken one."""
    source = tmp_path / "photos"
    for number, crop in enumerate(make_faces(9, seed=3)):
        path = source / ("album" if number % 3 else ".") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = (crop.permute(1, 2, 0).numpy() * 200 + 20).round().astype(np.uint8)
        Image.fromarray(pixels).save(path)
    Image.new("RGB", (112, 90)).save(source / "black.png")
    (source / "broken.jpg").write_bytes(b"no picture")
    return source


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def in_shards(verb: Callable[[str, Path], Any], folder: Path, *, suffix: str = "") -> list[Path]:
    """The results of every share, each in a place of its own."""
    places = [folder / f"shard{shard[0]}{suffix}" for shard in SHARDS]
    for shard, place in zip(SHARDS, places, strict=True):
        verb(shard, place)
    return places


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_scores_of_photos(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    monkeypatch.setattr(photo_scores, "resolve_aligner", lambda name: WholePhoto())

    def scored(shard: str | None, out: Path) -> None:
        facewarden.score(photos, detector=Brightness(), workers=1, shard=shard, out=out)

    scored(None, tmp_path / f"whole{suffix}")
    shards = in_shards(scored, tmp_path, suffix=suffix)
    result = facewarden.merge(shards, out=tmp_path / f"merged{suffix}")
    whole, merged = read_table(tmp_path / f"whole{suffix}"), read_table(tmp_path / f"merged{suffix}")
    scores = [[None if one is None else float(one) for one in table.pop("score")] for table in (whole, merged)]
    assert [one is None for one in scores[0]] == [one is None for one in scores[1]]
    assert [one for one in scores[1] if one] == pytest.approx([one for one in scores[0] if one], abs=1e-5)
    assert merged == whole
    assert (result.verb, result.shards, result.items) == ("score", 3, 11)
    assert sum(result.skipped.values()) == 2
    assert sum(len(record.items()[1]) for shard in shards for record in read_records(shard)) == 11


@pytest.fixture
def captures(tmp_path: Path) -> Path:
    folder = tmp_path / "captures"
    folder.mkdir()
    manifest = write_captures(folder)
    (folder / "dev3.png").write_bytes(b"no picture")
    return manifest


def test_scores_of_captures(captures: Path, tmp_path: Path) -> None:
    def scored(shard: str | None, out: Path) -> None:
        facewarden.score(captures, detector=Brightness(), shard=shard, out=out)

    scored(None, tmp_path / "whole.parquet")
    facewarden.merge(in_shards(scored, tmp_path, suffix=".parquet"), out=tmp_path / "merged.parquet")
    whole, merged = read_table(tmp_path / "whole.parquet"), read_table(tmp_path / "merged.parquet")
    assert merged.pop("score") == pytest.approx(whole.pop("score"), abs=1e-5, nan_ok=True)
    assert merged == whole


def test_presentation_is_measured_once_after_merging(captures: Path, tmp_path: Path) -> None:
    def measured(shard: str | None, out: Path) -> Evaluated:
        return facewarden.evaluate("presentation", captures=captures, detector=Brightness(), shard=shard, out=out)

    whole = measured(None, tmp_path / "whole")
    shards = in_shards(measured, tmp_path)
    merged = facewarden.merge(shards, out=tmp_path / "merged")
    assert [metric.name for metric in merged.metrics] == [metric.name for metric in whole.metrics]
    for one, other in zip(merged.metrics, whole.metrics, strict=True):
        assert (one.value, one.low, one.high, one.n) == pytest.approx((other.value, other.low, other.high, other.n))
    decision = json.loads((tmp_path / "merged" / "decision.json").read_text())
    assert decision["threshold"] == pytest.approx(whole.rule.threshold if whole.rule else None)


def test_purified_photos(photos: Path, tmp_path: Path) -> None:
    def purified(shard: str | None, out: Path) -> None:
        facewarden.purify(
            photos, out=out, purifier='jpeg{"quality": 30}', aligner="precropped", recognizer=TinyRecognizer(),
            workers=1, shard=shard,
        )  # fmt: skip

    purified(None, tmp_path / "whole")
    shards = in_shards(purified, tmp_path)
    merged = facewarden.merge(shards, out=tmp_path / "merged")
    found = files(tmp_path / "merged")
    assert json.loads(found.pop("merged.json"))["items"] == 11
    assert found == files(tmp_path / "whole")
    assert merged.skipped == {"no face found": 1, "unreadable photo: not a picture in a known format": 1}
    purified(None, tmp_path / "merged")  # goes on from it: nothing is done again
    assert {name: data for name, data in files(tmp_path / "merged").items() if name != "merged.json"} == found


def test_cloaked_photos(photos: Path, tmp_path: Path) -> None:
    def cloaked(shard: str | None, out: Path) -> Any:
        return facewarden.cloak(
            photos, out=out, method='pgd{"steps": 2, "random_start": true}', surrogates=TinyRecognizer(1), batch=1,
            aligner="precropped", workers=1, shard=shard,
        )  # fmt: skip

    cloaked(None, tmp_path / "whole")
    facewarden.merge(in_shards(cloaked, tmp_path), out=tmp_path / "merged")
    left_out = ("merged.json", "record/log.jsonl", "record/provenance.json", "record/done.json")
    whole, merged = files(tmp_path / "whole"), files(tmp_path / "merged")
    assert {name: data for name, data in merged.items() if name not in left_out} == {
        name: data for name, data in whole.items() if name not in left_out
    }
    assert cloaked(None, tmp_path / "merged").done == 0


def test_simulated_captures(tmp_path: Path) -> None:
    def simulated(shard: str | None, out: Path) -> None:
        facewarden.simulate(out, subjects=6, captures_per_subject=2, size=64, workers=1, shard=shard)

    simulated(None, tmp_path / "whole")
    shards = in_shards(simulated, tmp_path)
    facewarden.merge(shards, out=tmp_path / "merged")
    found = files(tmp_path / "merged")
    del found["merged.json"]
    assert found == files(tmp_path / "whole")


@pytest.fixture
def people(tmp_path: Path) -> Path:
    folder = tmp_path / "people"
    for number, crop in enumerate(make_faces(12, seed=5)):
        path = folder / f"person{number // 3}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((crop.permute(1, 2, 0).numpy() * 200).round().astype(np.uint8)).save(path)
    return folder


def test_verification_of_embeddings_that_shards_computed(people: Path, tmp_path: Path) -> None:
    def verified(shard: str | None, run: Path) -> Evaluated:
        return facewarden.evaluate(
            "verification", recognizer=TinyRecognizer(), dataset=str(people), aligner="precropped", shard=shard, run=run
        )

    whole = verified(None, tmp_path / "whole")
    shards = in_shards(verified, tmp_path)
    facewarden.merge(shards, out=tmp_path / "merged")
    [kept] = (tmp_path / "merged").glob("embeddings-*.npz")
    before = kept.stat().st_mtime_ns
    assert verified(None, tmp_path / "merged").metrics == whole.metrics
    assert kept.stat().st_mtime_ns == before  # nothing was embedded again
    [other] = (tmp_path / "whole").glob("embeddings-*.npz")
    with np.load(kept) as one, np.load(other) as two:
        assert kept.name == other.name
        assert one["rows"].tolist() == two["rows"].tolist()
        assert np.allclose(one["vectors"], two["vectors"], atol=1e-6)  # batches of another size: the last bits
        assert all(str(one[name]) == str(two[name]) for name in ("left_out", "notes"))


def test_identification_of_embeddings_that_shards_computed(people: Path, tmp_path: Path) -> None:
    sides: dict[str, Path] = {}
    for name, numbers in (("gallery", (0, 1)), ("probes", (2,))):
        for path in people.rglob("*.png"):
            if int(path.stem) % 3 in numbers:
                target = tmp_path / name / path.parent.name / path.name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
        sides[name] = tmp_path / name

    def searched(shard: str | None, run: Path) -> Evaluated:
        return facewarden.evaluate_identification(
            recognizer=TinyRecognizer(), **sides, aligner="precropped", shard=shard, run=run
        )

    whole = searched(None, tmp_path / "whole")
    shards = in_shards(searched, tmp_path)
    assert all(not searched(shard, place).metrics for shard, place in zip(SHARDS, shards, strict=True))
    merged = facewarden.merge(shards, out=tmp_path / "merged")
    assert merged.items == len(list(people.rglob("*.png")))
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "merged").glob("embeddings-*.npz")}
    assert len(kept) == 2  # of both sides
    assert searched(None, tmp_path / "merged").metrics == whole.metrics
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "merged").glob("embeddings-*.npz")} == kept
    with pytest.raises(BadInputError, match="without a place"):
        facewarden.evaluate_identification(recognizer=TinyRecognizer(), **sides, aligner="precropped", shard="1/3")


@pytest.mark.parametrize("apart", [True, False])
def test_cloaks_of_people_that_shards_made(people: Path, tmp_path: Path, apart: bool) -> None:
    def measured(shard: str | None, run: Path) -> Evaluated:
        return facewarden.evaluate(
            "cloaking", dataset=str(people), cloak='pgd:8{"steps": 1}', surrogate=TinyRecognizer(1),
            recognizer=TinyRecognizer(2), purifier="identity", aligner="precropped", users=3, shard=shard, run=run,
        )  # fmt: skip

    whole = measured(None, tmp_path / "whole")
    shards = in_shards(measured if apart else lambda shard, place: measured(shard, place.parent / "all"), tmp_path)
    merged = facewarden.merge(shards if apart else tmp_path / "all", out=tmp_path / "merged")
    assert (merged.verb, merged.items) == ("evaluate cloaking", 3)

    def made(folder: Path) -> dict[str, int]:
        return {path.name: path.stat().st_mtime_ns for path in (tmp_path / folder).rglob("*.npz")
                if path.parent.name.startswith("cloaks")}  # fmt: skip

    cloaks = made(Path("merged"))
    assert len(cloaks) == 3
    assert cloaks.keys() == made(Path("whole")).keys()
    assert measured(None, tmp_path / "merged").metrics == whole.metrics
    assert made(Path("merged")) == cloaks  # nobody was cloaked again
    if apart:  # each share cloaked its own people alone
        assert sorted(len(made(place.relative_to(tmp_path))) for place in shards) == [1, 1, 1]


def test_pairs_of_shards_that_share_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs_module, "resolve_recognizer", lambda name: TinyRecognizer(1))
    monkeypatch.setattr(pairs_module, "load", lambda group, name: registry.load(group, "precropped"))
    for number, crop in enumerate(make_faces(8, seed=7)):
        path = tmp_path / "lfw" / f"A_Name{number}" / f"A_Name{number}_0001.jpg"
        path.parent.mkdir(parents=True)
        Image.fromarray((crop.permute(1, 2, 0).numpy() * 200).round().astype(np.uint8)).save(path)
    kind = {"name": "plain", "attack": "pgd", "settings": {"steps": 1}, "surrogates": ["a"], "eps": 8}
    recipe = tmp_path / "recipe.json"
    recipe.write_text(json.dumps({"kind": "purifier", "entry": "puface", "summary": "tiny", "pairs": [kind]}))

    def made(shard: str | None, out: Path) -> None:
        facewarden.cloak_pairs(f"lfw:{tmp_path / 'lfw'}", out=out, recipe=recipe, per_file=2, shard=shard)

    made(None, tmp_path / "whole")
    for shard in SHARDS:
        made(shard, tmp_path / "together")
    facewarden.merge(tmp_path / "together", out=tmp_path / "merged")
    one, other = read_pairs(tmp_path / "whole"), read_pairs(tmp_path / "merged")
    assert one.key == other.key
    assert np.array_equal(one.cloaked, other.cloaked)


PLAN = "kind: draws\nseeds: [0, 1, 2, 3, 4]\nafter: {'3': [1], '4': [0, 3]}\n"


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    load = registry.load
    monkeypatch.setattr(registry, "load", lambda group, name: Draws if name == "draws" else load(group, name))
    monkeypatch.setattr("facewarden.scale.join_cells.load", lambda group, name: Draws)
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN)
    return path


def test_a_plan(plan: Path, tmp_path: Path) -> None:
    def ran(shard: str | None, out: Path) -> Any:
        return facewarden.bench(plan, out=out, shard=shard)

    ran(None, tmp_path / "whole")
    assert ran("1/2", tmp_path / "one").cells + ran("2/2", tmp_path / "two").cells == 5
    groups = [
        {name for record in read_records(tmp_path / home) for name in record.items()[1]} for home in ("one", "two")
    ]
    assert sorted(map(len, groups)) == [1, 4]  # cells that need each other stay together
    facewarden.merge([tmp_path / "one", tmp_path / "two"], out=tmp_path / "merged")
    for name in ("summary.json", "summary.md", "summary.tex"):
        assert (tmp_path / "merged" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    whole, merged = (json.loads((tmp_path / home / "plan.json").read_text()) for home in ("whole", "merged"))
    assert merged == whole


def test_a_cell_that_failed_leaves_its_shard_unfinished(plan: Path, tmp_path: Path) -> None:
    plan.write_text("kind: draws\nseeds: [0, 1]\nbad: {'1': raise}\n")
    for shard, home in (("1/2", "one"), ("2/2", "two")):
        facewarden.bench(plan, out=tmp_path / home, shard=shard)
    with pytest.raises(BadInputError, match="unfinished: 1 cells failed, first seed 1"):
        facewarden.merge([tmp_path / "one", tmp_path / "two"], out=tmp_path / "merged")


@pytest.fixture
def shards(photos: Path, tmp_path: Path) -> list[Path]:
    def purified(shard: str, out: Path) -> None:
        facewarden.purify(photos, out=out, purifier="jpeg", region="photo", shard=shard)

    return in_shards(purified, tmp_path)


def changed(home: Path, **values: Any) -> None:
    """Doctor a shard's record."""
    [path] = home.glob("shard-*.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_absent_and_repeated_shards_are_named(shards: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "merged"
    with pytest.raises(BadInputError, match="1 of 3 shards are absent: 2/3") as caught:
        facewarden.merge([shards[0], shards[2]], out=out)
    assert "--shard 2/3" in caught.value.hint
    again = tmp_path / "again"
    facewarden.purify(tmp_path / "photos", out=again, purifier="jpeg", region="photo", shard="1/3")
    with pytest.raises(BadInputError, match="shard 1/3 is given twice"):
        facewarden.merge([*shards, again], out=out)
    with pytest.raises(BadInputError, match="no finished shard"):
        facewarden.merge([*shards, tmp_path / "photos"], out=out)
    assert not out.exists()


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"facewarden": "0.0.1"}, "facewarden differ"),
        ({"settings": {"region": "face"}}, "settings: .* differ"),
        ({"listing": "0" * 64}, "the list of all items differ"),
        ({"inputs": {"purifier": "0" * 64}}, "the content of purifier differ"),
        ({"code": {}}, "the code: .* differ"),
        ({"verb": "cloak"}, "the verb differ"),
        ({"items": 99}, "the table of its items is damaged"),
        ({"computed": {"device": "cpu", "precision": "bfloat16"}}, "different precisions"),
    ],
)
def test_what_was_made_otherwise_is_refused(
    shards: list[Path], tmp_path: Path, values: dict[str, Any], told: str
) -> None:
    changed(shards[1], **values)
    with pytest.raises(BadInputError, match=told):
        facewarden.merge(shards, out=tmp_path / "merged")


def test_mixed_precision_can_be_allowed(shards: list[Path], tmp_path: Path) -> None:
    changed(shards[1], computed={"device": "cpu", "precision": "bfloat16"})
    merged: Merged = facewarden.merge(shards, out=tmp_path / "merged", allow_mixed_precision=True)
    assert "bfloat16" in merged.computed["precision"]


def test_a_photo_in_two_shards_is_noticed(shards: list[Path], tmp_path: Path) -> None:
    [one] = shards[0].glob("shard-*.parquet")
    [two] = shards[1].glob("shard-*.parquet")
    two.write_bytes(one.read_bytes())
    changed(shards[1], items=len(read_table(one)["place"]))
    with pytest.raises(BadInputError, match="are in shard 1 and in shard 2"):
        facewarden.merge(shards, out=tmp_path / "merged")


def test_a_place_holds_one_shard_and_a_call_that_stops_leaves_no_record(shards: list[Path], tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="holds shard 1/3 of purify"):
        facewarden.purify(tmp_path / "photos", out=shards[0], purifier="jpeg", region="photo", shard="2/3")
    with pytest.raises(BadInputError, match="is no share"):
        facewarden.purify(tmp_path / "photos", out=shards[0], purifier="jpeg", region="photo", shard="4/3")
    with pytest.raises(BadInputError, match="suspicion"):  # until this call is done, the folder is no finished shard
        facewarden.purify(tmp_path / "photos", out=shards[0], purifier="jpeg", suspicion=2.0, shard="1/3")
    with pytest.raises(BadInputError, match="no finished shard"):
        facewarden.merge(shards, out=tmp_path / "merged")


def test_more_shards_than_photos(photos: Path, tmp_path: Path) -> None:
    homes = [tmp_path / f"{number}" for number in range(1, 14)]
    for number, home in enumerate(homes, start=1):
        facewarden.purify(photos, out=home, purifier="jpeg", region="photo", shard=f"{number}/13")
    facewarden.merge(homes, out=tmp_path / "merged")
    facewarden.purify(photos, out=tmp_path / "whole", purifier="jpeg", region="photo")
    found = files(tmp_path / "merged")
    del found["merged.json"]
    assert found == files(tmp_path / "whole")


def test_files_are_linked_where_the_disk_can(
    shards: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facewarden.merge(shards, out=tmp_path / "linked")
    assert (tmp_path / "linked" / "0.png.png").stat().st_nlink == 2

    def refuse(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    facewarden.merge(shards, out=tmp_path / "copied")
    assert (tmp_path / "copied" / "0.png.png").stat().st_nlink == 1
    assert files(tmp_path / "copied") == files(tmp_path / "linked")


def test_the_command_line(shards: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["merge", *map(str, shards), "--out", str(tmp_path / "merged")]) == 0
    said = capsys.readouterr().out
    assert "merged 3 shards of purify with 11 items" in said
    assert main(["purify", str(tmp_path / "photos"), "--out", "x", "--shard", "0/2"]) == 2
    assert main(["cloak-pairs", "absent", "--out", "x", "--shard", "48"]) == 2
    assert "--shard 48 is now --per-file 48" in capsys.readouterr().err


def test_a_share_depends_on_the_key_alone() -> None:
    from facewarden.core.compute.shards import Shard

    keys = [f"photo {number}" for number in range(1000)]
    shares = [[key for key in keys if Shard(number, 4).holds(key)] for number in range(1, 5)]
    assert sorted(key for share in shares for key in share) == sorted(keys)
    assert all(200 < len(share) < 300 for share in shares)
    assert [key for key in keys[:10] if Shard(1, 4).holds(key)] == ["photo 5"] or shares[0]
    shares = [Shard(number, 3).equal_share(keys[:10]) for number in range(1, 4)]
    assert sorted(map(len, shares)) == [3, 3, 4]
    assert frozenset().union(*shares) == set(keys[:10])


def test_only_what_a_verb_shares_out_is_shared() -> None:
    """The cells of a plan simulate all of their captures, and score all of them."""
    from facewarden.core.compute.shards import Shard, shard_call, share, working_on

    with working_on(Shard(1, 2), ["cells"]) as call:
        assert share(range(20), str, of="people", group=str) == range(20)
        assert shard_call("captures") is None
        assert 0 < len(share(range(20), str, of="cells")) < 20
    assert call.total == 20
