"""The first 5 % of the fuzz corpus: nothing crashes, nothing is lost, nothing takes too long or too much memory."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from fuzz.campaign import SIZES, counted, findings, numbers, run
from fuzz.case import DroppedError, FuzzInput, Outcome, damaged, family_of, generator
from fuzz.run import RESULTS
from fuzz.worker import families, judged, run_one
from json_paths import Names
from page_figures import made_table, wrong_figures

SHARE, SEED = 0.05, 0


def test_a_share_of_the_corpus_is_read_or_refused_by_name() -> None:
    outcomes = list(run(numbers(SHARE), seed=SEED))
    counts = Counter(one.kind for one in outcomes)
    assert all(counts[kind] >= round(size * SHARE) for kind, size in SIZES.items())
    assert not findings(outcomes)
    for row in counted(outcomes):
        assert row["read"] > 0, row["kind"]  # a corpus that is always refused tests nothing
        assert row["refused"] > 0, row["kind"]


def test_every_generator_is_in_the_share_and_the_whole_is_as_large_as_it_says() -> None:
    for kind in SIZES:
        names = {family_of(families(kind), number) for of, number in numbers(SHARE) if of == kind}
        assert names == set(families(kind))
    assert Counter(kind for kind, _ in numbers(1.0)) == SIZES


def test_an_input_depends_on_seed_and_number_alone() -> None:
    first, again, other = (generator(seed, "pictures", 7).bytes(8) for seed in (0, 0, 1))
    assert first == again != other
    assert damaged(np.random.default_rng(1), b"abcdefgh" * 9, "flipped") != b"abcdefgh" * 9


def _raising(error: Exception) -> FuzzInput:
    def read() -> None:
        raise error

    return FuzzInput(read, ("photo.png",))


def test_what_must_not_be_is_found() -> None:
    from facewarden.core.errors import BadInputError

    assert judged(_raising(BadInputError("photo.png: is cut", hint="x")))[0] == "refused"
    assert judged(_raising(BadInputError("it is cut", hint="x")))[0] == "unnamed"
    assert judged(_raising(KeyError("photo.png")))[0] == "crash"
    assert judged(_raising(DroppedError("x")))[0] == "dropped"
    hidden = BadInputError("photo.png: is cut")
    hidden.__cause__ = MemoryError()
    assert judged(_raising(hidden))[0] == "crash"
    assert judged(FuzzInput(lambda: None, ("a",), "refused"))[0] == "wrong"
    assert judged(FuzzInput(lambda: None, ("a",), "read")) == ("read", "")


def test_time_and_memory_are_findings_and_are_in_the_table(tmp_path: Path) -> None:
    # this process holds whatever ran before; the campaign measures one of its own
    good = replace(run_one("pictures", 5, seed=SEED, folder=tmp_path), mebibytes=100.0)
    assert findings([good]) == []
    slow = Outcome("servers", 1, "slow bytes", "refused", "x", 21.0, 100.0)
    large = Outcome("arrays", 2, "bombs", "read", "x", 0.1, 3000.0)
    assert len(findings([good, slow, large])) == 2
    (tmp_path / "told.json").write_text(json.dumps({"kinds": counted([good, slow, large])}))
    names = Names(tmp_path, {"kinds": "told.json#kinds"}, {})
    row = "{sum(kinds[*].inputs)} {sum(kinds[*].read)} {sum(kinds[*].refused)} {sum(kinds[*].over_20_s)}"
    assert made_table(f"| {row} {{max(kinds[*].largest_mib)}} |", names) == "| 3 2 1 1 3000 |\n"


def test_the_published_page_is_of_its_numbers_and_of_the_whole_corpus() -> None:
    told = json.loads((RESULTS / "reliability_fuzz.json").read_text(encoding="utf-8"))
    page = RESULTS / "reliability_fuzz.md"
    assert wrong_figures(page, page.read_text(encoding="utf-8")) == []
    assert {row["kind"]: row["inputs"] for row in told["kinds"]} == SIZES
    assert not told["findings"]
