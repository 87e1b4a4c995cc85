"""The report of a training run: losses, gradients, conflicts and certainties of the sensors over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facewarden.core.errors import BadInputError
from facewarden.core.guards.bounded import parse_json, read_bounded, read_json_bounded
from facewarden.core.labels import MODALITIES
from facewarden.reporting.document import Figure, Table

Log = Sequence[Mapping[str, float]]
LOG, RUN = "training.jsonl", "run"
_FOOT = "Means over the n steps of an epoch."


@dataclass(frozen=True)
class Chapter:
    """A part of the page.

    Attributes:
        name: of its anchor.
        title: its heading.
        text: what it shows, in a sentence or two.
        figures, tables: the evidence.
    """

    name: str
    title: str
    text: str
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True)
class TrainingReport:
    """A training run as data.

    Attributes:
        title: heading of the page.
        summary: what was trained, in a sentence.
        facts: short texts under the title.
        command: that goes on with the run or makes it again.
        chapters: in reading order.
        simulated: whether it learned from simulated captures.
        recipe: as it was run.
        provenance: versions and machine.
    """

    title: str
    summary: str
    facts: tuple[str, ...]
    command: str
    chapters: tuple[Chapter, ...]
    simulated: bool
    recipe: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)


def is_training_run(folder: Path) -> bool:
    """Whether a folder is that of a training run, finished or not."""
    return (folder / RUN / LOG).is_file() or (folder / LOG).is_file()


def read_training(folder: Path) -> TrainingReport:
    """Build the report of a run, finished or still running.

    Args:
        folder: what `facewarden train` was told as `--out`, or the `run` inside it.

    Raises:
        BadInputError: no log, or one that cannot be read.
    """
    run = folder / RUN if (folder / RUN / LOG).is_file() else folder
    out = run.parent if run.name == RUN else run
    log = read_log(run / LOG)
    recipe = _json(run / "recipe.json")
    results = _json(out / "results.json")
    name = str(recipe.get("entry", "student"))
    planned = int(recipe.get("training", {}).get("epochs", len(log)))
    simulated = bool(results.get("simulated", "simulated" in str(recipe.get("source", ""))))
    provenance = _json(run / "provenance.json")
    computed = provenance.get("computed", {})
    where = [f"computed in {computed['precision']} on {computed['device']}"] if computed else []
    done = f"{len(log)} of {planned} epochs"
    return TrainingReport(
        title=f"Training of {name}",
        summary=str(recipe.get("summary", "")),
        facts=(done, f"objective {recipe.get('objective', 'distillation')}", f"seed {recipe.get('seed', 0)}", *where),
        command=_command(run, recipe),
        chapters=(
            *_chapters(log, simulated=simulated, prototypes=_compares(recipe)),
            *_results(results, simulated=simulated),
        ),
        simulated=simulated,
        recipe=recipe,
        provenance=provenance,
    )


def _command(run: Path, recipe: Mapping[str, Any]) -> str:
    """The command that the run recorded; else one from its recipe, with unknown parts in capitals."""
    command = _json(run / "command.json").get("command")
    if command:
        return str(command)
    protocol = f"--protocol {recipe['protocol']} " if "protocol" in recipe else ""
    simulated = str(recipe.get("source", "simulated")) == "simulated"
    data = "" if simulated else "--data CAPTURES "
    return f"facewarden train RECIPE.json {protocol}{data}--out DIR --seed {recipe.get('seed', 0)}"


def read_log(path: Path) -> list[dict[str, float]]:
    """Read a training log, one JSON object a line.

    Raises:
        BadInputError: it cannot be read, or holds something else.
    """
    try:
        lines = [
            parse_json(line, what=str(path))
            for line in read_bounded(path, limit="report_bytes").splitlines()
            if line.strip()
        ]
    except (OSError, ValueError) as error:
        raise BadInputError(f"{path}: not a training log: {error}", hint="facewarden train writes one") from error
    if not lines or not all(isinstance(line, dict) and "epoch" in line for line in lines):
        raise BadInputError(f"{path}: no finished epoch in it", hint="wait for the first epoch")
    return [{name: float(value) for name, value in line.items() if isinstance(value, int | float)} for line in lines]


def _compares(recipe: Mapping[str, Any]) -> bool:
    """Whether the losses by sensor are those of prototypes, which ReGrad compares."""
    return str(recipe.get("objective", "")).startswith(("ssp", "regrad", "dadm"))


def _chapters(log: Log, *, simulated: bool, prototypes: bool) -> list[Chapter]:
    def drawn(what: str, title: str, note: str, *, ylabel: str, percent: bool = False) -> Figure | None:
        return _by_modality(log, what, title, note=note, ylabel=ylabel, percent=percent, simulated=simulated)

    speed = [
        drawn("loss", "Prototype loss by sensor" if prototypes else "Loss by sensor",
              "Lower is faster: this is the speed that ReGrad compares." if prototypes else "Lower is better.",
              ylabel="mean loss of the epoch"),
        drawn("fastest", "Which sensor was ahead", "Share of the steps in which its prototype loss was the lowest.",
              ylabel="share of steps", percent=True),
    ]  # fmt: skip
    gradient = [
        drawn("prototype_gradient", "Gradient before the rule",
              "Length of each sensor's own prototype gradient on the parameters that it owns.", ylabel="mean length"),
        drawn("rebalanced_gradient", "Gradient after the rule",
              "Length of what the rule writes there, the other sensors' shares included.", ylabel="mean length"),
        drawn("conflict", "Conflicts between sensors",
              "Share of parameter tensors on which a faster sensor's gradient points against the slower one's.",
              ylabel="share of tensors", percent=True),
        drawn("base_ratio", "Base of the rule",
              "Length of the gradient that leads, in that of the one set against it: the median over tensors.",
              ylabel="mean ratio"),
        drawn("faint_base", "Bases that are next to nothing",
              "Share of tensors whose leading gradient is so short that its square is below the rule's 1e-8.",
              ylabel="share of tensors", percent=True),
        drawn("gradient", "Whole gradient by owner", "Cross-entropy included; what belongs to no sensor is shared.",
              ylabel="mean length"),
    ]  # fmt: skip
    certain = [
        drawn("certainty", "Certainty of the class token", "U in the last block: 1 is certain.", ylabel="mean U"),
        drawn("certainty_spread", "Spread of the certainty", "Standard deviation of U over the samples of a batch.",
              ylabel="standard deviation of U"),
    ]  # fmt: skip
    wanted = [
        ("loss", "Losses", "What is minimized, as means over the steps of an epoch.", [_losses(log, simulated)]),
        ("balance", "Balance of the sensors", _balance(log, prototypes=prototypes), speed),
        ("gradients", "Gradients", "What reaches the parameters of each sensor.", gradient),
        ("certainty", "Certainty", "How sure each sensor is of itself, which weighs what it may tell others.", certain),
    ]  # fmt: skip
    chapters = [
        (name, title, text, tuple(f for f in figures if f is not None)) for name, title, text, figures in wanted
    ]
    return [Chapter(name, title, text, figures) for name, title, text, figures in chapters if figures]


def _losses(log: Log, simulated: bool) -> Figure | None:  # noqa: FBT001 - used once, above
    names = [name for name in log[0] if "/" not in name and name not in ("epoch", "rate", "steps")]
    series = [_series(log, name, name.replace("_", " ")) for name in names]
    words = "; ".join(_from_to(one) for one in series)
    data = {"series": series, "xlabel": "epoch", "ylabel": "mean loss of the epoch", "foot": _FOOT}
    return Figure("curves", "Losses over time", data, alt=f"Losses by epoch: {words}.", simulated=simulated)


def _by_modality(
    log: Log, what: str, title: str, *, note: str, ylabel: str, percent: bool, simulated: bool
) -> Figure | None:
    """Curves of one number for every sensor (and what is shared), always in the same colors; None where none has it."""
    order = [*MODALITIES, "shared"]
    series = [_series(log, f"{what}/{name}", name) for name in order if any(f"{what}/{name}" in line for line in log)]
    if not series:
        return None
    data = {"series": series, "xlabel": "epoch", "ylabel": ylabel, "percent": percent, "foot": _FOOT}
    words = "; ".join(_from_to(one) for one in series)
    return Figure("curves", title, data, alt=f"{title} by epoch: {words}.", note=note, simulated=simulated)


def _series(log: Log, key: str, name: str) -> dict[str, Any]:
    lines = [line for line in log if key in line]
    steps = int(log[0].get("steps", 0))
    return {
        "name": name,
        "x": [int(line["epoch"]) for line in lines],
        "y": [float(line[key]) for line in lines],
        "n": steps or len(lines),
    }


def _from_to(series: Mapping[str, Any]) -> str:
    return f"{series['name']} from {series['y'][0]:.3g} to {series['y'][-1]:.3g}"


def _balance(log: Log, *, prototypes: bool) -> str:
    """Which sensor learns fastest, as a sentence."""
    last = {name: log[-1].get(f"loss/{name}") for name in MODALITIES}
    known = {name: value for name, value in last.items() if value is not None}
    if len(known) < 2:
        return "Each sensor's own loss."
    fast, slow = min(known, key=lambda name: known[name]), max(known, key=lambda name: known[name])
    first = {name: log[0].get(f"loss/{name}", 0.0) for name in known}
    gap = max(first.values()) - min(first.values()), known[slow] - known[fast]
    word_of = "prototype loss" if prototypes else "loss"
    word = "narrowed" if gap[1] < gap[0] else "widened"
    return (
        f"In the last epoch {fast} is ahead with a {word_of} of {known[fast]:.3g}, {slow} is behind with "
        f"{known[slow]:.3g}; the gap {word} from {gap[0]:.3g} to {gap[1]:.3g} over the run."
    )


def _results(results: Mapping[str, Any], *, simulated: bool) -> list[Chapter]:
    """Results of the finished model on the test split; empty while the run is not finished."""
    if not isinstance(results.get("all"), list):
        return []
    groups = [("all sensors", results["all"])]
    groups += [(f"domain {name}", listed) for name, listed in results.get("by_domain", {}).items()]
    groups += [(f"{name} alone", listed) for name, listed in results.get("by_modality", {}).items()]
    rows = []
    for title, listed in groups:
        by_name = {metric["name"]: metric for metric in listed}
        rows.append((title, *(_measured(by_name.get(name)) for name in ("auc", "eer", "hter", "bpcer"))))
    table = Table(
        "Test split", ("Of", "AUC", "EER", "HTER", "BPCER"), tuple(rows),
        note="Value (95 % interval). The threshold was set on dev with all sensors.", simulated=simulated,
    )  # fmt: skip
    return [Chapter("results", "What it is worth", "Measured once, after the last epoch.", tables=(table,))]


def _measured(metric: Mapping[str, Any] | None) -> str:
    if metric is None:
        return "–"
    scale, digits = (100, 1) if metric["name"] != "auc" else (1, 3)
    unit = " %" if scale == 100 else ""
    value, low, high = (float(metric[part]) * scale for part in ("value", "low", "high"))
    return f"{value:.{digits}f}{unit} ({low:.{digits}f}–{high:.{digits}f}), n = {metric['n']}"


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        content = read_json_bounded(path)
    except (OSError, ValueError) as error:
        raise BadInputError(f"{path}: cannot be read: {error}", hint="facewarden train --resume") from error
    return content if isinstance(content, dict) else {}
