"""A laboratory's report: results never averaged, exclusions, the full system, evidence that others can check."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

import facewarden
from facewarden.cli import main
from facewarden.core.errors import BadInputError, FacewardenError
from facewarden.data.table import write_table
from facewarden.evaluation.lab.potential import AttackPotential, artifact_class
from facewarden.evaluation.lab.records import read_records
from facewarden.evaluation.lab.results import lab_results
from facewarden.verbs.laboratory.lab_report import write_lab_report

STATED = {
    "laboratory": "L", "threshold": 0.0, "threshold_from": "vendor", "match_threshold": 0.5,
    "item": {"name": "Example PAD"},
    "species": {"print": {"recipe": "matte paper", "kind": "specialised", "potential": {"time": "one week"}}},
}  # fmt: skip


def records(path: Path, **more: list[object]) -> Path:
    """Ten sources with two presentations of two species, and twenty bona fide presentations."""
    rows = []
    for species, accepted in (("print", 2), ("mask", 9)):
        for source in range(10):
            for attempt in (1, 2):
                passed = attempt == 1 and source < accepted
                rows.append(
                    {"key": f"{species}{source}{attempt}", "score": 1.0 if passed else -1.0, "label": 0,
                     "species": species, "subject": f"s{source}", "series": f"{species}-{source}",
                     "artifact": f"{species}-{source}-1", "attempt": str(attempt), "match": 0.9 if source % 2 else 0.1,
                     "mechanism": "texture", "excluded": ""}
                )  # fmt: skip
    for number in range(20):
        rows.append(
            {"key": f"b{number}", "score": -1.0 if number == 0 else 1.0, "label": 1, "species": "",
             "subject": f"b{number % 5}", "series": "", "artifact": "", "attempt": "1", "match": 0.8,
             "mechanism": "", "excluded": ""}
        )  # fmt: skip
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    write_table(path, columns | more)
    return path


def lab(path: Path, **more: object) -> Path:
    path.write_text(json.dumps(STATED | more))
    return path


def test_results_are_by_species_and_series_and_iapar_counts_those_that_also_match(tmp_path: Path) -> None:
    found = lab_results(read_records(records(tmp_path / "r.csv"), match_threshold=0.5), threshold=0.0)
    by = {one.name: one for one in found.species}
    assert by["mask"].apcer is not None
    assert by["mask"].iapar is not None
    assert by["print"].apcer is not None
    assert (by["mask"].apcer.value, by["print"].apcer.value) == (9 / 20, 2 / 20)
    assert by["mask"].iapar.value == 4 / 20  # of sources 0 to 8 the odd ones match
    assert by["mask"].by_series["mask-9"] == (0, 2)
    assert by["mask"].by_attempt == {"1": (9, 10), "2": (0, 10)}
    assert by["mask"].mechanisms == {"texture": 11}
    assert (by["mask"].series, by["mask"].artifacts, by["mask"].subjects) == (10, 10, 10)
    assert found.bpcer is not None
    assert found.bpcer.value == 1 / 20
    assert found.bona_fide_subjects == 5


def test_excluded_presentations_are_in_no_rate_and_stand_with_their_reason(tmp_path: Path) -> None:
    excluded = ["artifact torn", "artifact torn"] + [""] * 58
    held = read_records(records(tmp_path / "r.csv", excluded=excluded), match_threshold=0.5)
    assert held.excluded == {("print", "artifact torn"): 2}
    assert lab_results(held, threshold=0.0).species[1].presentations == 18


def test_the_report_is_written_with_every_clause_and_evidence(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    table = records(run / "r.csv")
    found = write_lab_report(table, lab=lab(tmp_path / "lab.json"), out=tmp_path / "o")
    page = (tmp_path / "o" / "lab.html").read_text(encoding="utf-8")
    expected = (
        "What each clause rests on", "Item under test", "Attack potential", "APCER by species", "IAPAR", "no claim",
        "Accepted attacks by series", "Excluded samples", "matte paper", "Statistics",
    )  # fmt: skip
    for words in expected:
        assert words in page, words
    assert "average" not in page.replace("never averaged", "")
    assert "Purpose and constraints" in found.not_measured
    sums = (tmp_path / "o" / "SHA256SUMS").read_text().splitlines()
    assert sums[0] == f"{hashlib.sha256(table.read_bytes()).hexdigest()}  r.csv"
    assert sums[1].endswith("  ../lab.json")
    assert found.root == hashlib.sha256(("\n".join(sums) + "\n").encode()).hexdigest()
    held = json.loads((tmp_path / "o" / "lab_results.json").read_text())
    assert held["clauses"]["Results: attacks"] == "measured"
    assert held["clauses"]["Privacy"] == "not stated"


def test_without_a_recognizer_the_full_system_was_not_measured(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("score,label,species\n" + "-1,0,print\n" * 20 + "1,1,\n" * 20)
    found = write_lab_report(path, lab=lab(tmp_path / "lab.json"), out=tmp_path / "o")
    assert "Results: full system" in found.not_measured
    assert "No recognizer took part" in (tmp_path / "o" / "lab.md").read_text(encoding="utf-8")


def test_simulated_presentations_are_called_so_in_every_clause_of_results(tmp_path: Path) -> None:
    table = records(tmp_path / "r.csv", simulated=[True] * 60)
    write_lab_report(table, lab=lab(tmp_path / "lab.json"), out=tmp_path / "o")
    clauses = json.loads((tmp_path / "o" / "lab_results.json").read_text())["clauses"]
    assert clauses["Results: attacks"] == clauses["Instruments"] == "simulated"
    assert "measured" not in clauses.values()


def test_the_evidence_is_signed_and_the_signature_holds(tmp_path: Path) -> None:
    ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import serialization

    private = ed25519.Ed25519PrivateKey.generate()
    key = tmp_path / "key.pem"
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    table = records(tmp_path / "r.csv")
    out = tmp_path / "o"
    write_lab_report(table, lab=lab(tmp_path / "lab.json"), out=out, sign=key)
    public = serialization.load_pem_public_key((out / "evidence.pub").read_bytes())
    data, signature = (out / "SHA256SUMS").read_bytes(), (out / "evidence.sig").read_bytes()
    public.verify(signature, data)  # type: ignore[call-arg,union-attr]
    with pytest.raises(InvalidSignature):
        public.verify(signature, data + b"x")  # type: ignore[call-arg,union-attr]
    (tmp_path / "no.pem").write_text("x")
    with pytest.raises(BadInputError, match="no private key"):
        write_lab_report(table, lab=lab(tmp_path / "lab.json"), out=out, sign=tmp_path / "no.pem")


def test_points_are_those_of_the_published_table() -> None:
    hard = AttackPotential(
        time="one month", exploitation_time="two weeks", expertise="several experts", exploitation_expertise="expert",
        knowledge="sensitive", device="moderate", exploitation_device="moderate", characteristic="cooperative",
        equipment="bespoke", exploitation_equipment="specialised",
    )  # fmt: skip
    assert hard.identification == 4 + 8 + 4 + 2 + 4
    assert hard.exploitation == 4 + 8 + 4 + 4 + 4
    assert hard.level == "beyond high"
    assert AttackPotential().words == "0 (0 + 0), basic, PAD level 1"
    assert AttackPotential(time="more", knowledge="restricted").level == "enhanced-basic"
    assert artifact_class("sophisticated", "easy", "low") == "C"


def test_a_template_names_the_species_and_can_be_read_again(tmp_path: Path) -> None:
    table = records(tmp_path / "r.csv", matched=["yes"] * 60)
    assert main(["report", str(table), "--form", "lab", "--out", str(tmp_path / "o")]) == 2  # no threshold, no dev
    (tmp_path / "decision.json").write_text(
        json.dumps({"threshold": 0.0, "policy": "eer", "split": "dev", "source": "x", "n_bona_fide": 5, "n_attack": 5})
    )
    page = facewarden.report(table, form="lab", out=tmp_path / "o")
    assert page.name == "lab.html"
    template = tmp_path / "o" / "lab_template.json"
    assert set(json.loads(template.read_text())["species"]) == {"print", "mask"}
    write_lab_report(table, lab=template, out=tmp_path / "again")


def test_what_cannot_be_reported_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = records(tmp_path / "r.csv")
    with pytest.raises(BadInputError, match="no threshold for them"):
        write_lab_report(table)
    with pytest.raises(BadInputError, match="no records"):
        write_lab_report(tmp_path / "nothing")
    with pytest.raises(FacewardenError, match="lab"):
        write_lab_report(table, lab=lab(tmp_path / "lab.json", labratory="x"))
    assert main(["report", str(table), "--form", "lab", "--fail-on", "presentation.apcer > 0.1"]) == 2
    assert "has no gate" in capsys.readouterr().err


def test_an_audit_folder_is_a_test_of_its_item(tmp_path: Path) -> None:
    records(tmp_path / "scores.parquet", matched=["no"] * 60, split=["test"] * 60)
    rng = np.random.default_rng(0)
    assert rng is not None
    found = write_lab_report(tmp_path, lab=lab(tmp_path / "lab.json"))
    assert (tmp_path / "lab.html").is_file()
    assert found.results.species[0].iapar is not None
    assert found.results.species[0].iapar.value == 0
    again = write_lab_report(tmp_path, lab=tmp_path / "lab.json")
    assert again.root == found.root  # what the report wrote is no evidence of itself


def test_attempts_and_series_stand_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    rows = [f"{i % 2}.{i},{i % 2},{'' if i % 2 else 'print'},a{i},{i}" for i in range(24)]
    (tmp_path / "r.csv").write_text("\n".join(["score,label,species,series,attempt", *rows]))
    page = facewarden.report(
        tmp_path / "r.csv", form="lab", lab=lab(tmp_path / "lab.json", threshold=0.5), out=tmp_path / "o"
    )
    told = page.with_suffix(".md").read_text(encoding="utf-8")
    assert told.index("| a2 |") < told.index("| a10 |")
    attempts = told[told.index("Effect of the attempt number") :]
    assert attempts.index("| 2 |") < attempts.index("| 10 |")


def test_columns_of_a_laboratory_are_read_in_any_letter_case(tmp_path: Path) -> None:
    path = records(tmp_path / "r.csv", excluded=["torn"] + [""] * 59)
    head, _, rest = path.read_text().partition("\n")
    path.write_text(
        head.replace("excluded", "Excluded").replace("match", "Match").replace("series", "SERIES") + "\n" + rest
    )
    held = read_records(path, match_threshold=0.5)
    assert held.excluded == {("print", "torn"): 1}
    assert held.matched is not None
    assert "series" in held.texts


def test_words_of_matched_are_understood_or_refused(tmp_path: Path) -> None:
    def matched(words: list[str]) -> object:
        path = records(tmp_path / "r.csv", matched=words * 30)
        text = path.read_text().replace("match,", "other,", 1)
        path.write_text(text)
        return read_records(path, match_threshold=None).matched

    assert list(matched(["Matched", "no match"])[:4]) == [1.0, 0.0, 1.0, 0.0]  # type: ignore[index]
    with pytest.raises(BadInputError, match="row 1: unknown matched 'perhaps'"):
        matched(["perhaps", "1"])


def test_a_column_of_flags_says_which_presentations_are_excluded(tmp_path: Path) -> None:
    flags = ["True", "torn", "False", "0", "no"] + ["False"] * 55
    held = read_records(records(tmp_path / "r.csv", excluded=flags), match_threshold=0.5)
    assert held.excluded == {("print", "no reason stated"): 1, ("print", "torn"): 1}
    assert len(held.rows) == 58


@pytest.mark.parametrize("word", ["none", "N/A", "na", "-", "NULL", "None"])
def test_a_word_for_no_reason_excludes_nothing(tmp_path: Path, word: str) -> None:
    held = read_records(records(tmp_path / "r.csv", excluded=["torn"] + [word] * 59), match_threshold=0.5)
    assert held.excluded == {("print", "torn"): 1}
    assert len(held.rows) == 59


def test_where_too_much_is_excluded_the_error_says_so(tmp_path: Path) -> None:
    table = records(tmp_path / "r.csv", excluded=[""] * 40 + ["checked"] * 20)
    with pytest.raises(BadInputError) as caught:
        write_lab_report(table, lab=lab(tmp_path / "lab.json"), out=tmp_path / "o")
    assert "no bona fide row with a score" in caught.value.message
    assert "20 of 60 rows are excluded by the column excluded ('checked')" in caught.value.message
    assert caught.value.hint == "leave the column excluded empty, or no, where a presentation counts"
    attacks = records(tmp_path / "r.csv", label=[0] * 60, species=["print"] * 60)
    with pytest.raises(BadInputError) as caught:
        write_lab_report(attacks, lab=lab(tmp_path / "lab.json"), out=tmp_path / "o")
    assert "excluded" not in caught.value.message
    assert caught.value.hint == "both classes with scores are needed"


def test_what_the_detector_rejects_needs_no_comparison(tmp_path: Path) -> None:
    whole = lab_results(read_records(records(tmp_path / "r.csv"), match_threshold=0.5), threshold=0.0)
    head, *lines = (tmp_path / "r.csv").read_text().splitlines()
    names = head.split(",")
    score, match = names.index("score"), names.index("match")
    cells = [line.split(",") for line in lines]
    for row in cells:
        row[match] = row[match] if float(row[score]) >= 0 else ""
    (tmp_path / "r.csv").write_text("\n".join([head, *map(",".join, cells)]) + "\n")
    found = lab_results(read_records(tmp_path / "r.csv", match_threshold=0.5), threshold=0.0)
    assert [one.iapar for one in found.species] == [one.iapar for one in whole.species]
    assert (found.bpcer_matched, found.uncompared) == (whole.bpcer_matched, 0)
    passed = next(row for row in cells if float(row[score]) >= 0)
    passed[match] = ""
    (tmp_path / "r.csv").write_text("\n".join([head, *map(",".join, cells)]) + "\n")
    again = lab_results(read_records(tmp_path / "r.csv", match_threshold=0.5), threshold=0.0)
    assert again.uncompared == 1
    assert [one.iapar_is_bound for one in again.species] == [False, True]
    assert sum(one.iapar.n for one in again.species if one.iapar is not None) == 40


def sequential(path: Path, *, attacks: int, bona_fide: int) -> Path:
    """A recognizer behind a detector that accepts 10 of 100 prints, all matches, and 90 of 100 bona fide presentations.

    Args:
        path: to write.
        attacks, bona_fide: of those that pass, how many have a comparison.
    """
    rows = [f"{1 if n < 10 else -1},0,print,s{n},{0.9 if n < attacks else ''}" for n in range(100)]
    rows += [f"{1 if n < 90 else -1},1,,b{n},{0.9 if n < bona_fide else ''}" for n in range(100)]
    path.write_text("\n".join(["score,label,species,subject,match", *rows]) + "\n")
    return path


def test_an_iapar_of_some_that_pass_is_an_upper_bound_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = lab_results(read_records(sequential(tmp_path / "w.csv", attacks=10, bona_fide=90), match_threshold=0.5),
                        threshold=0.0)  # fmt: skip
    (full,) = whole.species
    assert full.iapar is not None
    assert whole.bpcer_matched is not None
    assert (full.iapar.value, full.iapar_is_bound) == (0.1, False)
    assert (whole.bpcer_matched.value, whole.bpcer_matched_is_bound) == (0.1, False)
    table = sequential(tmp_path / "r.csv", attacks=4, bona_fide=80)
    found = lab_results(read_records(table, match_threshold=0.5), threshold=0.0)
    (some,) = found.species
    assert some.iapar is not None
    assert some.iapar_is_bound
    assert (some.iapar.value, some.iapar.n, some.iapar.high) == (0.1, 100, full.iapar.high)  # of those known 4 %
    assert some.iapar.low < 0.04  # no match among those that are not known
    assert found.bpcer_matched is not None
    assert found.bpcer_matched_is_bound
    assert found.bpcer_matched.value == 0.2  # ten that the detector rejects and ten that are not known
    assert found.bpcer_matched.low < 0.1
    assert found.uncompared == 16
    assert main(["report", str(table), "--form", "lab", "--lab", str(lab(tmp_path / "lab.json", species={})), "--out",
                 str(tmp_path / "o")]) == 0  # fmt: skip
    assert "IAPAR at most 10" in capsys.readouterr().out
    page = (tmp_path / "o" / "lab.md").read_text(encoding="utf-8")
    assert "at most 10" in page
    assert "16 presentations pass the detector and have no comparison" in page


def test_without_a_comparison_of_those_that_pass_there_is_no_iapar(tmp_path: Path) -> None:
    table = sequential(tmp_path / "r.csv", attacks=0, bona_fide=90)
    found = write_lab_report(table, lab=lab(tmp_path / "lab.json", species={}), out=tmp_path / "o").results
    assert found.species[0].iapar is None
    assert found.bpcer_matched is not None
    assert "not measured" in (tmp_path / "o" / "lab.md").read_text(encoding="utf-8").split("IAPAR by species")[1]


def test_a_template_that_nobody_filled_in_states_nothing(tmp_path: Path) -> None:
    records(tmp_path / "r.csv")
    facewarden.report(tmp_path / "r.csv", form="lab", lab=lab(tmp_path / "lab.json"), out=tmp_path / "a")
    table = (tmp_path / "r.csv").read_text().replace("match", "other")
    (tmp_path / "r.csv").write_text(table)
    (tmp_path / "lab.json").unlink()
    split = ["dev" if line.split(",")[4].endswith(tuple("02468")) else "test" for line in table.splitlines()[1:]]
    lines = [f"{line},{word}" for line, word in zip(table.splitlines(), ["split", *split], strict=True)]
    (tmp_path / "r.csv").write_text("\n".join(lines) + "\n")
    facewarden.report(tmp_path / "r.csv", form="lab", out=tmp_path / "b")
    told = json.loads((tmp_path / "b" / "lab_template.json").read_text())["species"]["mask"]
    assert {told[name] for name in ("kind", "access", "cost", "potential")} == {None}
    (tmp_path / "filled.json").write_text((tmp_path / "b" / "lab_template.json").read_text())
    facewarden.report(tmp_path / "r.csv", form="lab", lab=tmp_path / "filled.json", out=tmp_path / "c")
    page = (tmp_path / "c" / "lab.md").read_text()
    assert "basic" not in page
    assert "not rated" in page


def test_the_count_beside_a_rate_is_of_presentations_with_a_response(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = records(tmp_path / "r.csv")
    lines = path.read_text().splitlines()
    for row in (1, 2, 3):  # three presentations of the first print got no response
        cells = lines[row].split(",")
        cells[1] = ""
        lines[row] = ",".join(cells)
    path.write_text("\n".join(lines) + "\n")
    stated = ["--lab", str(lab(tmp_path / "lab.json")), "--out", str(tmp_path / "out")]
    assert main(["report", str(path), "--form", "lab", *stated]) == 0
    said = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("print"))
    assert said.count("n = 17") == 2  # of the APCER and the IAPAR, although all 20 were compared
    assert "n = 20" not in said
    assert said.endswith("3 without a response")


def test_what_was_excluded_from_dev_is_counted_apart(tmp_path: Path) -> None:
    excluded: list[object] = ["torn", "torn", "torn"] + [""] * 57
    split: list[object] = ["dev", "test", "train"] + ["test"] * 57
    found = read_records(records(tmp_path / "r.csv", excluded=excluded, split=split), match_threshold=0.5)
    assert found.excluded == {("print (dev)", "torn"): 1, ("print", "torn"): 1, ("print (train)", "torn"): 1}
