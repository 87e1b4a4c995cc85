"""Self-checks of the attacks of an `adversarial_training` plan, for each method over all its seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from facewarden.evaluation.self_checks import CheckOutcome, MeasuredRow, ModelSigns, self_checks
from facewarden.experiments.adversarial_training.outcomes import Sample
from facewarden.experiments.engine.kind import CellResult
from facewarden.experiments.vulnerability.settings import PLAIN

Hits = dict[tuple[str, float], dict[Sample, bool]]
"""(attack, budget in gray levels) -> whether each sample falls."""

_BOTH = "of samples that the surrogate decides correctly too"


def method_checks(results: Sequence[CellResult], method_of: Mapping[str, str]) -> Iterator[tuple[str, CheckOutcome]]:
    """Where and what, for every method: its attacks through the decision, and the gradients of every attacked head.

    Args:
        results: of the plan's cells.
        method_of: model -> method.
    """
    for method in dict.fromkeys(method_of.values()):
        white, moved, signs = _read(results, {model for model, of in method_of.items() if of == method})
        rows = [*_rows(white), *_with_transfer(white, moved)]
        yield from ((method, one) for one in self_checks(rows, unlimited=255 / 2))
        for head, sign in signs.items():
            yield from ((f"{method}, {head}", one) for one in self_checks([], _pooled(list(sign.values()))))


def _read(
    results: Sequence[CellResult], models: set[str]
) -> tuple[Hits, Hits, dict[str, dict[str, Mapping[str, float]]]]:
    """White-box hits through the decision, hits of transfer, and what was seen of each head's gradients."""
    white: Hits = {}
    moved: Hits = {}
    signs: dict[str, dict[str, Mapping[str, float]]] = {}
    for result in results:
        settings, value = result.cell.settings, result.value
        if settings["do"] == "attack" and settings["model"] in models:
            if "signs" in value:
                seen = signs.setdefault(str(settings["head"]), {})  # of a model: every attack looks at the same samples
                seen[str(settings["model"])] = value["signs"]
            if settings["head"] != "live":
                continue
            for name, hits in value["success"].items():
                eps, _, reading = name.partition("|")
                if reading == PLAIN:
                    by_model = white.setdefault((str(settings["attack"]), float(eps)), {})
                    by_model.update({(int(settings["seed"]), key): bool(hit)
                                 for key, hit in zip(value["key"], hits, strict=True)})  # fmt: skip
        if settings["do"] == "transfer":
            for victim in models & set(value["victims"]):
                rates = value["victims"][victim]
                for eps in value["eps"]:
                    rows = zip(value["key"], rates["right"], rates[f"{eps:g}"], strict=True)
                    by_model = moved.setdefault((str(settings["method"]), float(eps)), {})
                    by_model.update({(int(settings["seed"]), key): bool(hit) for key, right, hit in rows if right})
    return white, moved, signs


def _rows(white: Hits) -> Iterator[MeasuredRow]:
    """Rows over the samples that every attack met."""
    samples = sorted(set.intersection(*map(set, white.values()))) if white else []
    for (attack, eps), hits in white.items():
        yield MeasuredRow(attack, "white_box", eps, np.array([hits[s] for s in samples], bool))


def _with_transfer(white: Hits, moved: Hits) -> Iterator[MeasuredRow]:
    """Rows of a budget that both were measured at, over the samples that both models decide correctly."""
    for (attack, eps), hits in moved.items():
        others = {name: counts for (name, other), counts in white.items() if other == eps}
        if not others:
            continue
        samples = sorted(set(hits).intersection(*map(set, others.values())))
        where = f"{_BOTH}, at {eps:g}/255"
        yield MeasuredRow(attack, "transfer", eps, np.array([hits[s] for s in samples], bool), where=where)
        best = max(others, key=lambda name: sum(others[name][s] for s in samples))
        yield MeasuredRow(best, "white_box", eps, np.array([others[best][s] for s in samples], bool), where=where)


def _pooled(per_seed: Sequence[Mapping[str, float]]) -> ModelSigns:
    n = int(sum(signs["n"] for signs in per_seed))
    flat, unsteady = (sum(s[what] * s["n"] for s in per_seed) / n if n else 0.0 for what in ("flat", "unsteady"))
    return ModelSigns(float(flat), float(unsteady), n)
