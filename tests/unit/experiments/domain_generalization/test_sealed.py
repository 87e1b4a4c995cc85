"""The sealed part: frozen by digests, its seed from the commit, opened once, refused where anything has changed."""

from __future__ import annotations

import json
import shutil
import subprocess
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import facewarden
from facewarden.core.artifact import sha256
from facewarden.core.errors import BadInputError
from facewarden.core.identity.repository import commits_of
from facewarden.experiments.domain_generalization.sealed import freeze as freezing
from facewarden.experiments.domain_generalization.sealed.kind import asked
from facewarden.experiments.domain_generalization.sealed.openings import begin_opening
from facewarden.experiments.domain_generalization.sealed.summary import comparisons
from facewarden.experiments.domain_generalization.settings import plan_of
from facewarden.metrics.crossed import crossed_mean
from facewarden.metrics.holm import holm
from four_domains import write_domains

PLAN = """
    kind: presentation
    title: toy
    data: {captures: [CAPTURES]}
    seeds: [0, 1]
    scored_epochs: last
    missing: true
    defaults:
      training: {epochs: 1, batch: 8, margin: 1.0, augmentation: {drop: 0}}
    methods:
      ours: {entry: thumbnail_ridge, label: Ours, model: {size: 32, pixels: 8}}
      weak: {entry: vit_concat, label: Weak, training: {rate: 1.0e-9},
             model: {size: 16, trunk: "vit_tiny_patch16_224:fresh", depth: 1, tiling: batch, preset: paper}}
      strong: {entry: thumbnail_ridge, label: Strong, model: {size: 32, pixels: 4}}
    parts:
      - {title: Halves, methods: [ours, weak, strong], protocols: [half1_half2]}
    sealed: {ours: ours, rivals: [weak, strong], always: [weak], protocols: [half1_half2], subjects: 6, size: 64,
             sites: 2}
"""


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *identity, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, and a repository with its freeze file in a commit."""
    folder = tmp_path_factory.mktemp("sealed")
    text = textwrap.dedent(PLAN).lstrip().replace("CAPTURES", str(write_domains(folder / "data", subjects=2)))
    (folder / "plan.yaml").write_text(text, encoding="utf-8")
    found = facewarden.bench(folder / "plan.yaml", out=folder / "run")
    assert not found.failed
    home = folder / "home"
    home.mkdir()
    git(home, "init", "-q")
    (home / "notes.txt").write_text("x")
    git(home, "add", "-A")
    git(home, "commit", "-qm", "first")
    frozen = facewarden.freeze(folder / "run", out=home / "frozen.json")
    assert (frozen.trainings, frozen.ours) == (6, "ours")
    git(home, "add", "-A")
    git(home, "commit", "-qm", "freeze")
    return folder


@pytest.fixture(scope="module")
def opened(ran: Path) -> dict[str, Any]:
    result = facewarden.unseal(ran / "home" / "frozen.json", run=ran / "run", out=ran / "opened")
    assert not result.failed
    found: dict[str, Any] = json.loads((ran / "opened" / "summary.json").read_text())
    return found


def test_the_freeze_file_names_code_plan_weights_and_rivals(ran: Path) -> None:
    frozen = json.loads((ran / "home" / "frozen.json").read_text())
    assert frozen["commit"] == git(ran / "home", "rev-parse", "HEAD~1")
    on_dev = frozen["compared"]["on_dev"]
    assert set(on_dev) == {"ours", "weak", "strong"}
    best = max(("weak", "strong"), key=lambda name: on_dev[name])
    assert frozen["compared"]["rivals"] == list(dict.fromkeys(["weak", best]))
    assert {len(cell["sha256"]) for cell in frozen["cells"]} == {64}
    weak = next(cell for cell in frozen["cells"] if cell["method"] == "weak")
    assert (ran / "run" / "cells" / weak["id"] / "weights.safetensors").stat().st_size < 200_000
    with pytest.raises(BadInputError, match="is there already"):
        facewarden.freeze(ran / "run", out=ran / "home" / "frozen.json")


def test_the_seed_of_the_sites_is_the_commit_and_differences_are_paired(ran: Path, opened: dict[str, Any]) -> None:
    commit = git(ran / "home", "rev-parse", "HEAD")
    data = opened["data"]
    assert data["commit"] == commit
    assert data["seed"] == f"sealed_{commit[:8]}"
    assert data["opening"] == 1
    first = opened["sentences"][0]
    assert commit[:12] in first
    assert "first opening" in first
    assert {one["rival"] for one in data["comparisons"]} == {"weak", "strong"}
    cells = {one["name"]: one["result"] for one in
             (json.loads(path.read_text()) for path in (ran / "opened").glob("cells/*/done.json"))}  # fmt: skip
    assert len(cells) == 6
    result = cells["ours / half1_half2 / seed 0"]
    assert set(result["rows"]["test"]["domain"]) == {f"sealed_{commit[:8]}_{number:02d}" for number in (1, 2)}
    assert set(result["missing"]) == set(result["missing_dev"]) == {"depth", "infrared", "depth+infrared"}
    dev = json.loads(next((ran / "run").glob("cells/*/done.json")).read_text())["result"]["rows"]["dev"]
    assert result["rows"]["dev"] == dev
    one = next(one for one in data["comparisons"] if one["rival"] == "weak")
    assert one["low"] <= one["value"] <= one["high"]
    assert ("not clear" in one["verdict"]) == (one["low"] <= 0 <= one["high"])
    assert opened["tables"][0]["title"].startswith("Ours less each rival")
    assert opened["simulated"]
    assert data["weights"].keys() == cells.keys()


def test_a_second_opening_is_refused_or_marked(ran: Path, opened: dict[str, Any]) -> None:
    home = ran / "home"
    record = home / "frozen.openings.json"
    held = json.loads(record.read_text())["openings"]
    assert [one["finished"] for one in held] == [True]
    assert set(held[0]["sha256"]) == {"summary.json", "summary.md"}
    with pytest.raises(BadInputError, match="opened before"):
        facewarden.unseal(home / "frozen.json", run=ran / "run", out=ran / "twice")
    shutil.copytree(home, ran / "copy")
    shutil.copytree(ran / "opened" / "shared", ran / "twice" / "shared")  # the same captures need not be made again
    facewarden.unseal(ran / "copy" / "frozen.json", run=ran / "run", out=ran / "twice", again=True)
    again = json.loads((ran / "twice" / "summary.json").read_text())
    assert again["data"]["opening"] == 2
    assert "OPENING 2" in again["sentences"][0]
    assert again["data"]["comparisons"] == opened["data"]["comparisons"]


def test_an_opening_that_was_cut_off_goes_on(ran: Path, opened: dict[str, Any], tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(ran / "home", home)
    record = home / "frozen.openings.json"
    held = json.loads(record.read_text())["openings"]
    record.write_text(json.dumps({"openings": [{**held[0], "finished": False}]}))
    shutil.copytree(ran / "opened", tmp_path / "opened")
    before = (tmp_path / "opened" / "summary.json").read_bytes()
    facewarden.unseal(home / "frozen.json", run=ran / "run", out=tmp_path / "opened", resume=True)
    assert (tmp_path / "opened" / "summary.json").read_bytes() == before
    assert len(json.loads(record.read_text())["openings"]) == 1


def test_what_was_changed_after_the_freeze_is_refused(
    ran: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, run = tmp_path / "home", tmp_path / "run"
    shutil.copytree(ran / "home", home)
    (home / "frozen.openings.json").unlink(missing_ok=True)
    with pytest.raises(BadInputError, match="no freeze file"):
        facewarden.unseal(home / "notes.txt", run=ran / "run", out=tmp_path / "o")
    changed = json.loads((home / "frozen.json").read_text())
    (home / "frozen.json").write_text(json.dumps({**changed, "cells": changed["cells"][:2]}))
    with pytest.raises(BadInputError, match="differs from what was committed"):
        facewarden.unseal(home / "frozen.json", run=ran / "run", out=tmp_path / "o")
    git(home, "checkout", "--", "frozen.json")
    shutil.copytree(ran / "run", run)
    weights = run / "cells" / changed["cells"][0]["id"] / "weights.safetensors"
    weights.write_bytes(weights.read_bytes() + b"x")
    with pytest.raises(BadInputError, match="not the frozen weights of ours / half1_half2 / seed 0"):
        facewarden.unseal(home / "frozen.json", run=run, out=tmp_path / "o")
    monkeypatch.setattr(freezing, "code_digest", lambda: "other")
    with pytest.raises(BadInputError, match="code that runs is not the one"):
        facewarden.unseal(home / "frozen.json", run=ran / "run", out=tmp_path / "o")
    assert not (home / "frozen.openings.json").exists()


def committed(home: Path, *, older: bool) -> Path:
    """The freeze file of a repository whose record of one opening is in a commit."""
    record = home / "frozen.openings.json"
    (one,) = json.loads(record.read_text())["openings"]
    if older:
        one = {name: value for name, value in one.items() if name not in ("freeze", "begun")}
    record.write_text(json.dumps({"openings": [one]}))
    git(home, "add", "-A")
    git(home, "commit", "-qm", "opened")
    return home / "frozen.json"


@pytest.mark.parametrize("older", [False, True])
def test_an_opening_counts_after_its_record_was_deleted_or_the_freeze_file_renamed(
    ran: Path, opened: dict[str, Any], tmp_path: Path, older: bool
) -> None:
    home = tmp_path / "home"
    shutil.copytree(ran / "home", home)
    freeze = committed(home, older=older)
    (first,) = commits_of(freeze)
    assert first == opened["data"]["commit"]
    git(home, "rm", "-q", "frozen.openings.json")
    git(home, "commit", "-qm", "tidy")
    with pytest.raises(BadInputError, match=r"opened before \(1 times"):
        facewarden.unseal(freeze, run=ran / "run", out=tmp_path / "o")
    git(home, "mv", "frozen.json", "renamed.json")
    git(home, "commit", "-qm", "rename")
    renamed = home / "renamed.json"
    assert commits_of(renamed)[0] == first  # the sites stay those of the freeze
    with pytest.raises(BadInputError, match=r"opened before \(1 times"):
        facewarden.unseal(renamed, run=ran / "run", out=tmp_path / "o")

    def begin(**more: bool) -> int:
        given = {"again": False, "resume": False, **more}
        return begin_opening(renamed, commits=commits_of(renamed), out=tmp_path / "o", **given)

    assert begin(again=True) == 2
    assert begin(resume=True) == 2  # goes on with the one that was just begun
    assert begin(again=True) == 3
    held = json.loads((home / "renamed.openings.json").read_text())["openings"]
    assert {one["freeze"] for one in held} == {sha256(renamed)}


def test_openings_of_another_freeze_file_do_not_count(ran: Path, opened: dict[str, Any], tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(ran / "home", home)
    freeze = committed(home, older=False)
    other = home / "other.json"
    other.write_text(freeze.read_text() + "\n")
    git(home, "add", "-A")
    git(home, "commit", "-qm", "freeze again")
    head = git(home, "rev-parse", "HEAD")
    assert commits_of(other) == (head,)
    assert begin_opening(other, commits=(head,), out=tmp_path / "o", again=False, resume=False) == 1
    (home / "other.openings.json").write_text("[]")
    with pytest.raises(BadInputError, match=r"other\.openings\.json: cannot be read: not a list of openings"):
        facewarden.unseal(freeze, run=ran / "run", out=tmp_path / "p", again=True)


def test_a_shallow_clone_does_not_know_the_freezing_commit(ran: Path, tmp_path: Path) -> None:
    shutil.copytree(ran / "home", tmp_path / "home")
    git(tmp_path / "home", "commit", "-qm", "later", "--allow-empty")
    git(tmp_path, "clone", "-q", "--depth", "1", (tmp_path / "home").as_uri(), "shallow")
    with pytest.raises(BadInputError, match="shallow clone") as caught:
        facewarden.unseal(tmp_path / "shallow" / "frozen.json", run=ran / "run", out=tmp_path / "o")
    assert "git fetch --unshallow" in caught.value.hint
    assert not (tmp_path / "shallow" / "frozen.openings.json").exists()


def test_a_freeze_needs_a_clean_repository_and_a_sealed_part(ran: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="git repository"):
        facewarden.freeze(ran / "run", out=tmp_path / "f.json")
    home = tmp_path / "home"
    shutil.copytree(ran / "home", home)
    (home / "notes.txt").write_text("y")
    with pytest.raises(BadInputError, match=r"1 files differ from the commit, first notes.txt"):
        facewarden.freeze(ran / "run", out=home / "other.json")


def test_only_trainings_of_the_plan_as_it_is_now_are_frozen(ran: Path, tmp_path: Path) -> None:
    home, run = tmp_path / "home", tmp_path / "run"
    shutil.copytree(ran / "home", home)
    shutil.copytree(ran / "run", run)
    text = (ran / "plan.yaml").read_text(encoding="utf-8")
    for name, pixels in (("other", 16), ("first", 8)):  # the first trainings of ours stay beside the others
        plan = text.replace("model: {size: 32, pixels: 8}", f"model: {{size: 32, pixels: {pixels}}}")
        (tmp_path / "plan.yaml").write_text(plan, encoding="utf-8")
        facewarden.bench(tmp_path / "plan.yaml", out=run, resume=True)
        facewarden.freeze(run, out=home / f"{name}.json")
        frozen = json.loads((home / f"{name}.json").read_text())["cells"]
        assert {one["id"] for one in frozen} == set(json.loads((run / "plan.json").read_text())["cells"])
        assert {one["recipe"]["model"]["pixels"] for one in frozen if one["method"] == "ours"} == {pixels}
    held = json.loads((run / "plan.json").read_text())
    first = next(key for key, one in held["cells"].items() if one["name"] == "ours / half1_half2 / seed 0")
    left = {key: one for key, one in held["cells"].items() if key != first}
    (run / "plan.json").write_text(json.dumps({**held, "cells": left}))
    with pytest.raises(BadInputError, match="ours / half1_half2 / seed 0 is not done"):
        facewarden.freeze(run, out=home / "lacking.json")
    (run / "plan.json").write_text(json.dumps({**held, "cells": {**held["cells"], "x": held["cells"][first]}}))
    with pytest.raises(BadInputError, match="two cells are named ours / half1_half2 / seed 0"):
        facewarden.freeze(run, out=home / "twice.json")
    (run / "plan.json").write_text(json.dumps({name: held[name] for name in ("kind", "settings")}))
    with pytest.raises(BadInputError, match=r"plan\.json does not list its cells"):
        facewarden.freeze(run, out=home / "old.json")


def settings(**changes: Any) -> dict[str, Any]:
    sealed = {"ours": "a", "rivals": ["b"], "protocols": ["half1_half2"], **changes}
    return {
        "data": {"captures": ["x.csv"]}, "methods": {name: {"entry": "chance"} for name in "abc"},
        "parts": [{"title": "x", "methods": ["a", "b"], "protocols": ["half1_half2"]}], "sealed": sealed,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"ours": "c"}, 'sealed.ours[0] is "c"'), ({"protocols": ["bcd_a"]}, "sealed.protocols"), ({"rivals": []}, "")],
)
def test_a_sealed_part_names_what_the_plan_trains(changes: dict[str, Any], message: str) -> None:
    plan_of(settings())
    with pytest.raises(BadInputError) as caught:
        plan_of(settings(**changes))
    assert message in str(caught.value)


@pytest.mark.parametrize(("version", "sealed"), [(1, 2), (2, 2), (3, 3)])
def test_sealed_sites_are_of_the_version_that_the_plan_simulates(version: int, sealed: int) -> None:
    simulated = {"data": {"simulate": {"version": version, "subjects": 960, "seed": 5}}}
    frozen = {"plan": {"settings": {**settings(), **simulated}}}
    found = freezing.sealed_settings(frozen, seed=7)["simulate"]
    assert found["version"] == sealed
    assert found["domains"] == ["sealed_00000007"]
    assert freezing.sealed_settings({"plan": {"settings": settings()}}, seed=7)["simulate"]["version"] == 2


def holm_by_definition(values: dict[str, float]) -> dict[str, float]:
    """The smallest level at which the step-down procedure rejects a comparison, by bisection over levels."""

    def rejected(level: float) -> set[str]:
        found: set[str] = set()
        for place, name in enumerate(sorted(values, key=lambda one: values[one])):
            if values[name] > level / (len(values) - place):
                break
            found.add(name)
        return found

    smallest = {}
    for name in values:
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (low, middle) if name in rejected(middle) else (middle, high)
        smallest[name] = high
    return smallest


def scored(method: str, protocol: str, seed: int) -> dict[str, Any]:
    """Six sites of 40 captures; how well scores tell the classes is the method's own."""
    rng = np.random.default_rng([seed, ord(method)])
    domain = [f"s{site}" for site in range(6) for _ in range(40)]
    label = [i % 2 for i in range(len(domain))]
    strength = {"a": 2.0, "b": 0.5, "c": 1.9}[method]
    scores = [float(s) for s in strength * np.array(label) + rng.normal(size=len(label))]
    rows = {"label": label, "domain": domain, "subject": [str(i) for i in range(len(label))],
            "species": ["bona_fide" if y else "print_flat" for y in label]}  # fmt: skip
    return {"rows": {"dev": rows, "test": rows}, "scores": {"last_epoch": {"epoch": 1, "dev": scores, "test": scores}}}


def test_the_verdict_is_the_interval_or_holms_rule() -> None:
    plan = plan_of({**settings(), "parts": [{"title": "x", "methods": ["a", "b", "c"], "protocols": ["half1_half2"]}]})
    compared = {"ours": "a", "rivals": ["b", "c"], "figure": "auc", "rule": "best_on_dev"}
    plain = comparisons(plan, compared, scored)
    assert plain[0].verdict("auc") == "clear of zero, ours is better"
    assert plain[1].verdict("auc") == "not clear of zero"
    corrected = comparisons(plan, {**compared, "rule": "holm"}, scored)
    values = {one.rival: one.figure.p_value() for one in corrected}
    assert {one.rival: one.adjusted for one in corrected} == pytest.approx(holm_by_definition(values))
    worse = comparisons(plan, {**compared, "ours": "b", "rivals": ["a"]}, scored)
    assert worse[0].verdict("auc") == "clear of zero, the rival is better"


def test_p_values_are_those_of_the_t_test_over_sites() -> None:
    values = np.array([[0.1], [0.3], [0.2], [0.25]])
    assert crossed_mean(values).p_value() == pytest.approx(stats.ttest_1samp(values[:, 0], 0.0).pvalue)
    assert crossed_mean(np.zeros((3, 1))).p_value() == 1.0
    assert crossed_mean(np.ones((3, 2))).p_value() == 0.0


def test_holm_against_its_definition() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        values = {str(place): float(value) for place, value in enumerate(rng.random(5) ** 3)}
        assert holm(values) == pytest.approx(holm_by_definition(values))
    with pytest.raises(BadInputError, match="p value of a is 2"):
        holm({"a": 2.0})


def test_a_protocol_without_a_group_is_tested_on_that_group_alone() -> None:
    from facewarden.data.sample import Sample

    def sample(key: str, site: str, species: str) -> Sample:
        label = 1 if species == "bona_fide" else 0
        return Sample(key=key, split="test", label=label, species=species, subject=key, domain=site, rgb="x.png")

    samples = [sample("1", "s1", "bona_fide"), sample("2", "s1", "mask_rigid"), sample("3", "s1", "print_flat"),
               sample("4", "s2", "bona_fide"), sample("5", "s2", "print_flat")]  # fmt: skip
    assert [one.key for one in asked(samples, "half1_half2-masks")] == ["1", "2"]
    assert len(asked(samples, "half1_half2")) == 5
