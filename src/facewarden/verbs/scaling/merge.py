"""Join the shards of a verb into the result of one call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from facewarden.core.compute.computing import computing
from facewarden.core.compute.shards import RULE
from facewarden.core.decision import DecisionRule
from facewarden.core.errors import BadInputError
from facewarden.core.files import write_json
from facewarden.core.guards.lock import hold, locking
from facewarden.core.identity.given import PathLike, path_of, several
from facewarden.core.run import provenance
from facewarden.data.results import Result
from facewarden.data.table import SUFFIXES, check_target, read_table
from facewarden.evaluation.presentation import measure_presentation
from facewarden.evaluation.scores import Scores
from facewarden.reporting.document import Metric
from facewarden.scale.check import check_shards, shards_in
from facewarden.scale.join_captures import join_captures
from facewarden.scale.join_cells import join_cells
from facewarden.scale.join_files import join_cloaks, join_embeddings, join_pairs
from facewarden.scale.join_photos import join_photos
from facewarden.scale.join_scores import join_scores
from facewarden.scale.record import ShardRecord
from facewarden.verbs.bench import summarize

_SKIPPED = "skipped: "
_FOLDERS = {"simulate": join_captures, "cloak-pairs": join_pairs, "evaluate cloaking": join_cloaks,
            "evaluate identification": join_embeddings, "evaluate verification": join_embeddings}  # fmt: skip


@dataclass(frozen=True, repr=False)
class Merged(Result):
    """Shards that were joined.

    Attributes:
        verb: what made them.
        shards: how many.
        items: photos, captures, people, files or cells in all.
        out: folder or table.
        file: what to open first: the table, the manifest or the summary.
        skipped: reason -> items without a result.
        metrics: figures, of `evaluate presentation`.
        rule: its decision rule.
        computed: device and precision of the shards; several are joined.
    """

    verb: str
    shards: int
    items: int
    out: Path
    file: Path
    skipped: dict[str, int]
    metrics: tuple[Metric, ...]
    rule: DecisionRule | None
    computed: dict[str, str]


@locking
def merge(
    shards: PathLike | Sequence[PathLike],
    /,
    *,
    out: PathLike,
    allow_mixed_precision: bool = False,
) -> Merged:
    """Join the shards of a verb into what one call without shards writes; the shards stay as they are.

    The shards must be all there, with no item in two of them, and of the same version, settings, models and inputs. On
    one disk files are linked, not copied.

    Args:
        shards: folders or tables that calls with `shard` wrote; several shards may lie in one folder.
        out: an empty folder, or a table for the scores of `score`.
        allow_mixed_precision: accept shards that were computed in different precisions.

    Raises:
        BadInputError: the shards do not make one whole, or `out` cannot be written.
    """
    given: tuple[PathLike, ...] = several(shards)
    homes = [path_of(one) for one in given]
    return merge_homes(homes, path_of(out), allow_mixed_precision=allow_mixed_precision)


@locking
def merge_homes(
    homes: Sequence[Path], out: Path, *, allow_mixed_precision: bool = False, tables_only: bool = False
) -> Merged:
    """Join shards as `merge` does.

    Args:
        homes: their folders or tables.
        out: where to.
        allow_mixed_precision: as there.
        tables_only: photos are in their places already, as in a store.
    """
    records = shards_in(homes)
    check_shards(records, allow_mixed_precision=allow_mixed_precision)
    if any(record.home.resolve() == out.resolve() for record in records):
        raise BadInputError(f"{out} holds a shard", hint="another --out")
    first = records[0]
    metrics: tuple[Metric, ...] = ()
    rule: DecisionRule | None = None
    skipped: dict[str, int] = {}
    if first.verb == "score":
        file = _score_table(out, first)
        check_target(file)
        join_scores(records, [record.home for record in records], file)
        return _noted(records, file, file, _unscored(file), metrics, rule)
    if out.suffix.lower() in SUFFIXES:
        raise BadInputError(f"{out}: the shards of {first.verb} make a folder", hint="--out FOLDER")
    hold(out)
    if first.verb == "evaluate presentation":
        file = join_scores(records, [record.home / "scores.parquet" for record in records], out / "scores.parquet")
        scores = Scores.read(file, source=first.about["more"]["source"])
        settings = first.about["settings"]
        measured = measure_presentation(scores, policy=settings["policy"], seed=settings["seed"], rounds=1000)
        measured.rule.write(out / "decision.json")
        metrics, rule, skipped = measured.section.metrics, measured.rule, dict(scores.skipped)
    elif first.verb == "bench":
        with computing("cpu", first.about["settings"].get("precision")):
            made = join_cells(records, out)
            found = summarize(made.read, made.kind, made.outcome, out=out, command=made.command, cells=len(made.cells))
        file = found.page
    elif first.verb in ("cloak", "purify"):
        file = join_photos(records, out, tables_only=tables_only)
        skipped = _skipped(file)
    else:
        file = _FOLDERS[first.verb](records, out)
        skipped = _skipped(file)
    return _noted(records, out, file, skipped, metrics, rule)


def _score_table(out: Path, first: ShardRecord) -> Path:
    return out if out.suffix.lower() in SUFFIXES else out / first.home.name


def _noted(
    records: Sequence[ShardRecord],
    out: Path,
    file: Path,
    skipped: dict[str, int],
    metrics: tuple[Metric, ...],
    rule: DecisionRule | None,
) -> Merged:
    """Write what was merged, last of all: without this file the merge is not done."""
    first = records[0]
    found: dict[str, list[str]] = {}
    for record in records:
        for name, value in record.about.get("computed", {}).items():
            found.setdefault(name, []).append(value)
    computed = {name: ", ".join(dict.fromkeys(values)) for name, values in found.items()}
    torch = sorted({str(record.about["packages"].get("torch")) for record in records})
    about = {
        "verb": first.verb, "shards": first.of, "rule": RULE, "items": first.about["total"],
        "listing": first.about["listing"], "settings": first.about["settings"], "inputs": first.about["inputs"],
        "torch": torch, "provenance": provenance(computed),
    }  # fmt: skip
    path = out.with_name(f"{out.name}.merged.json") if out == file else out / "merged.json"
    try:
        write_json(path, about)
    except OSError as error:
        raise BadInputError(f"{path}: cannot be written: {error}", hint="choose a writable --out") from error
    return Merged(first.verb, first.of, int(first.about["total"]), out, file, skipped, metrics, rule, computed)


def _unscored(table: Path) -> dict[str, int]:
    rows = read_table(table)
    lost = [row for row, score in enumerate(rows["score"]) if score is None]
    notes = rows.get("notes", rows.get("note", []))
    return dict(Counter(str(notes[row]).partition(";")[0] for row in lost))


def _skipped(table: Path) -> dict[str, int]:
    """Reasons in the table of a folder verb."""
    if table.suffix != ".csv":
        return {}
    treatments = [str(text) for text in read_table(table).get("treatment", [])]
    return dict(Counter(text.removeprefix(_SKIPPED) for text in treatments if text.startswith(_SKIPPED)))
