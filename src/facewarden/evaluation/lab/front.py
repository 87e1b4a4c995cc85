"""Chapters of a laboratory's report that say what was tested and how: stated, not measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from facewarden.evaluation.lab.records import LabRecords
from facewarden.evaluation.lab.results import LabResults, SpeciesResult
from facewarden.evaluation.lab.settings import NOT_STATED, LabSettings, SpeciesAbout
from facewarden.reporting.document import Cell, Table
from facewarden.reporting.format import plain
from facewarden.reporting.pages.document import Chapter, Status


def front_chapters(
    lab: LabSettings, records: LabRecords, results: LabResults, *, hashes: Mapping[str, str], simulated: bool
) -> list[Chapter]:
    """Terms, purpose, scope, privacy, item under test, method, crew and instruments.

    Args:
        lab: what the laboratory states.
        records, results: of the test.
        hashes: of the item under test, from the run, beside those that are stated.
        simulated: whether presentations were simulated.
    """
    return [
        _terms(),
        _purpose(lab),
        _scope(lab),
        Chapter("privacy", "Privacy", (lab.privacy,), status=_status(lab.privacy)),
        _item(lab, hashes),
        _method(lab, results),
        _crew(lab, records, simulated=simulated),
        _instruments(lab, results, simulated=simulated),
    ]


def _terms() -> Chapter:
    rows: tuple[tuple[Cell, ...], ...] = (
        ("PAI species", "presentation attack instruments of one way of making, of different sources"),
        ("PAI series", "instruments of one medium, one way of making and one source"),
        ("APCER", "share of the attack presentations of one species that is classified as bona fide"),
        ("APNRR, BPNRR", "share of attack, of bona fide presentations without a response"),
        ("BPCER", "share of bona fide presentations that is classified as attack"),
        ("IAPAR", "share of attack presentations that pass the detector and match their target (full system)"),
    )
    text = (
        "After ISO/IEC 30107-3. The standard sets no limit for a pass; rates of two laboratories are not comparable.",
    )
    return Chapter("terms", "Terms", text, (Table("", ("Term", "Meaning"), rows),))


def _purpose(lab: LabSettings) -> Chapter:
    text = (
        lab.purpose,
        "This report states what was measured on the item under test with the instruments named in it. It makes no "
        "claim "
        "of conformity with any standard or scheme.",
    )
    return Chapter("purpose", "Purpose and constraints", text, status=_status(lab.purpose))


def _scope(lab: LabSettings) -> Chapter:
    rows = [("in", text) for text in lab.in_scope] + [("out", text) for text in lab.out_of_scope]
    table = Table("", ("Scope", "What"), tuple(rows))
    return Chapter("scope", "Scope", tables=(table,), status="stated" if lab.in_scope else "not stated")


def _item(lab: LabSettings, hashes: Mapping[str, str]) -> Chapter:
    item = lab.item
    names = ("name", "version", "vendor", "hardware", "system", "sdk", "settings", "tested")
    rows = tuple((name, getattr(item, name)) for name in names)
    digests = {**dict(hashes), **dict(item.sha256 or {})}
    tables = [Table("", ("Item", "Stated"), rows)]
    if digests:
        tables.append(Table("Hashes", ("File", "SHA-256"), tuple(digests.items())))
    return Chapter("item", "Item under test", tables=tuple(tables), status=_status(item.name))


def _method(lab: LabSettings, results: LabResults) -> Chapter:
    rows = (
        ("pre-test of instruments", lab.pretest),
        ("order of presentations", lab.order),
        ("who saw what", lab.blinding),
        ("threshold", f"{results.threshold:.6g}; {lab.threshold_from}"),
    )
    return Chapter("method", "Method", tables=(Table("", ("What", "Stated"), rows),), status=_status(lab.pretest))


def _crew(lab: LabSettings, records: LabRecords, *, simulated: bool) -> Chapter:
    rows: list[tuple[Cell, ...]] = []
    held = records.rows
    for name, column in sorted(held.attributes.items()):
        if held.subject is None or not 1 < len(column.names) <= 12:
            continue
        people: dict[str, set[int]] = {}
        for group, subject in zip(column.codes.tolist(), held.subject.codes.tolist(), strict=True):
            if group >= 0:
                people.setdefault(column.names[group], set()).add(subject)
        total = len(set().union(*people.values()))
        rows += [(plain(name), plain(group), len(who), f"{len(who) / total:.0%}") for group, who in people.items()]
    text = [lab.crew]
    if held.subject is None:
        text.append("The records do not say who took part.")
    table = Table("Composition", ("Attribute", "Group", "People", "Share"), tuple(rows), "", simulated)
    status: Status = "simulated" if simulated else "measured" if rows else _status(lab.crew)
    return Chapter("crew", "Test crew", tuple(text), (table,), status=status)


def _instruments(lab: LabSettings, results: LabResults, *, simulated: bool) -> Chapter:
    about = lab.species or {}
    rows = tuple(_instrument(one, about.get(one.name)) for one in results.species)
    recipes = tuple((plain(name), held.recipe) for name, held in about.items() if held.recipe != NOT_STATED)
    columns = (
        "PAI species", "Kind", "Access", "Cost", "Class", "Attack potential", "Series", "Artifacts", "Presentations",
        "Subjects",
    )  # fmt: skip
    note = (
        "Class: the highest of kind, access to the source and cost of equipment. Attack potential: points for finding "
        "the "
        "attack and for carrying it out (Common Criteria toolboxes)."
    )
    tables = [Table("Species", columns, rows, note, simulated)]
    if recipes:
        tables.append(Table("Recipes", ("PAI species", "How artifacts are made"), recipes))
    rest = [name for name in about if name not in {one.name for one in results.species}]
    text = (f"Stated and not presented: {', '.join(map(plain, rest))}.",) if rest else ()
    said = any(held != SpeciesAbout() for held in about.values())
    status: Status = "simulated" if simulated else "stated" if said else "not stated"
    return Chapter("instruments", "Instruments", text, tuple(tables), status=status)


def _instrument(one: SpeciesResult, about: SpeciesAbout | None) -> tuple[Cell, ...]:
    stated: Sequence[Cell] = (NOT_STATED,) * 4
    potential: Cell = "not rated"
    if about is not None:
        stated = (*(word or NOT_STATED for word in (about.kind, about.access, about.cost)), about.artifact_class)
        potential = "not rated" if about.potential is None else about.potential.words
    return (plain(one.name), *stated, potential, one.series, one.artifacts, one.presentations, one.subjects)


def _status(text: str) -> Status:
    return "not stated" if text == NOT_STATED else "stated"
