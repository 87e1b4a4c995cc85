"""Presentation attack detection error rates after ISO/IEC 30107-3, each definition under its own name.

Everywhere: a score is higher for bona fide, a presentation is accepted iff score >= threshold, labels are 1 = bona fide
and 0 = attack, and `species` holds one name per row (its entries for bona fide rows are ignored).
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from facewarden.core.decision import DecisionRule
from facewarden.core.errors import BadInputError
from facewarden.metrics.checked import (
    Array,
    Floats,
    area_under_curve,
    checked_labels,
    checked_scores,
    checked_species,
    codes_of,
    equal_error,
    error_curve,
    nonempty,
    same_length,
    threshold_for_accepts,
)

Over = Literal["worst_species", "pooled"]


def split_classes(scores: Array, labels: Array) -> tuple[Floats, Floats]:
    """Checked scores of the bona fide rows and of the attack rows; a class without rows raises BadInputError."""
    values = checked_scores(scores)
    same_length(values, np.asarray(labels), names="scores and labels")
    is_bona_fide = checked_labels(labels)
    bona_fide, attack = values[is_bona_fide], values[~is_bona_fide]
    nonempty(bona_fide, what="bona fide")
    nonempty(attack, what="attack")
    return bona_fide, attack


def split_species(scores: Array, species: Array) -> dict[str, Floats]:
    """Checked attack scores by species, in the order of the names; no attack at all raises BadInputError."""
    values = checked_scores(scores, what="attack scores")
    same_length(values, np.asarray(species), names="attack scores and species")
    nonempty(values, what="attack")
    codes, names = codes_of(checked_species(species))
    return {str(name): values[codes == code] for code, name in enumerate(names)}


def apcer(scores: Array, species: Array, *, threshold: float) -> dict[str, float]:
    """Attack presentation classification error rate of each PAI species: the share of its attacks that is accepted.

    Args:
        scores: (n,) scores of attack presentations only.
        species: (n,) their species.
        threshold: accept iff score >= threshold.

    Returns:
        Rate by species name, in the order of the names.

    Raises:
        BadInputError: no attack row, or a NaN score.

    Source: ISO/IEC 30107-3.

    >>> apcer(np.array([0.1, 0.9, 0.2]), np.array(["print", "print", "screen"]), threshold=0.5)
    {'print': 0.5, 'screen': 0.0}
    """
    return {name: float(np.mean(values >= threshold)) for name, values in split_species(scores, species).items()}


def worst_apcer(scores: Array, species: Array, *, threshold: float) -> float:
    """APCER of the species that the detector stops worst, which is what ISO/IEC 30107-3 asks to report."""
    return max(apcer(scores, species, threshold=threshold).values())


def pooled_apcer(scores: Array, threshold: float) -> float:
    """Share of all attack presentations accepted, species mixed as they come; it hides a weak species behind others."""
    values = checked_scores(scores, what="attack scores")
    nonempty(values, what="attack")
    return float(np.mean(values >= threshold))


def bpcer(scores: Array, threshold: float) -> float:
    """Bona fide presentation classification error rate: the share of bona fide presentations that is rejected.

    Args:
        scores: (n,) scores of bona fide presentations only.
        threshold: reject iff score < threshold.

    Source: ISO/IEC 30107-3.

    >>> bpcer(np.array([0.2, 0.5, 0.7, 0.9]), 0.5)
    0.25
    """
    values = checked_scores(scores, what="bona fide scores")
    nonempty(values, what="bona fide")
    return float(np.mean(values < threshold))


def acer_worst_species(scores: Array, labels: Array, *, species: Array, threshold: float) -> float:
    """Mean of BPCER and the worst species' APCER: the ACER of OULU-NPU and of the ISO/IEC 30107-3 reading."""
    bona_fide, attack = split_classes(scores, labels)
    names = attack_species(labels, species)
    return (worst_apcer(attack, names, threshold=threshold) + bpcer(bona_fide, threshold)) / 2


def acer_pooled(scores: Array, labels: Array, *, threshold: float) -> float:
    """Mean of BPCER and the pooled APCER: the ACER of sets that do not tell species apart; equals the HTER."""
    bona_fide, attack = split_classes(scores, labels)
    return (pooled_apcer(attack, threshold) + bpcer(bona_fide, threshold)) / 2


def hter(scores: Array, labels: Array, *, threshold: float) -> float:
    """Half total error rate: mean of pooled false acceptance and false rejection at a threshold set elsewhere."""
    return acer_pooled(scores, labels, threshold=threshold)


def eer(scores: Array, labels: Array) -> float:
    """Equal error rate: the common value of pooled APCER and BPCER where the two meet.

    Both rates are taken at every distinct score and at reject-all and joined by straight lines (the ROC polygon, not
    its convex hull); they cross exactly once, and that value is returned. Tied scores fall together.

    Raises:
        BadInputError: a class without rows, a NaN score or an unknown label.

    >>> eer(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1]))
    0.5
    """
    return equal_error(error_curve(*split_classes(scores, labels)))[0]


def eer_threshold(scores: Array, labels: Array) -> float:
    """The threshold whose pooled APCER and BPCER differ least; of two equals the higher, halfway between scores."""
    return equal_error(error_curve(*split_classes(scores, labels)))[1]


def apcer_threshold(scores: Array, labels: Array, *, apcer: float, over: Over, species: Array | None = None) -> float:
    """The lowest threshold at which the APCER, worst species or pooled, does not exceed `apcer`.

    Args:
        scores: (n,) scores of both classes.
        labels: (n,) 1 = bona fide, 0 = attack.
        apcer: the tolerated APCER, 0 to 1.
        over: "worst_species" bounds the APCER of every species, "pooled" the share among all attacks.
        species: (n,) required for "worst_species".

    Returns:
        A threshold halfway between the last rejected score and the next one above it.
    """
    bona_fide, attack = split_classes(scores, labels)
    return threshold_for_accepts(bona_fide, _groups(attack, labels, species, over), target=apcer)


def bpcer_at_apcer(scores: Array, labels: Array, *, apcer: float, over: Over, species: Array | None = None) -> float:
    """BPCER at the lowest threshold whose APCER does not exceed `apcer`: BPCER10, 20 and 100 for 0.1, 0.05 and 0.01.

    The threshold is an actual one (no interpolation), so the APCER is never above what the name says. Arguments as for
    `apcer_threshold`. Source: ISO/IEC 30107-3.

    >>> bpcer_at_apcer(np.array([1, 2, 3, 2.5]), np.array([0, 0, 1, 1]), apcer=0.1, over="pooled")
    0.0
    """
    bona_fide, attack = split_classes(scores, labels)
    threshold = threshold_for_accepts(bona_fide, _groups(attack, labels, species, over), target=apcer)
    return bpcer(bona_fide, threshold)


def tpr_at_fpr(scores: Array, labels: Array, *, fpr: float) -> float:
    """Share of bona fide accepted at the lowest threshold that accepts at most `fpr` of all attacks."""
    return 1.0 - bpcer_at_apcer(scores, labels, apcer=fpr, over="pooled")


def auc(scores: Array, labels: Array) -> float:
    """Area under the ROC curve: how often a bona fide scores above an attack, a tie counting one half."""
    return area_under_curve(*split_classes(scores, labels))


def fit_rule(
    scores: Array, labels: Array, *, policy: str = "eer", split: str, species: Array | None = None, source: str = "",
    simulated: bool = False,
) -> DecisionRule:  # fmt: skip
    """Choose the decision threshold from tuning rows and remember where it came from.

    Args:
        scores: (n,) scores of the tuning rows.
        labels: (n,) 1 = bona fide, 0 = attack.
        policy: "eer", or "bpcer_at_worst_apcer=X" or "bpcer_at_pooled_apcer=X" with 0 <= X <= 1, the lowest threshold
            whose APCER does not exceed X. "bpcer_at_apcer=X" and "apcer=X" stand for the worst species where `species`
            is given and for the pooled rate where not; the rule records which.
        split: which split the rows are from.
        species: (n,) species of the attack rows.
        source: the set the rows came from.
        simulated: whether any of them was rendered.

    Raises:
        LeakError: the rows are of the test split.
        BadInputError: one class only, NaN scores or an unknown policy.
    """
    bona_fide, attack = split_classes(scores, labels)
    name, _, amount = policy.partition("=")
    if name in ("bpcer_at_apcer", "apcer"):
        name = "bpcer_at_pooled_apcer" if species is None else "bpcer_at_worst_apcer"
    if policy == "eer":
        threshold = eer_threshold(scores, labels)
        recorded = policy
    elif name in ("bpcer_at_worst_apcer", "bpcer_at_pooled_apcer"):
        over: Over = "worst_species" if name == "bpcer_at_worst_apcer" else "pooled"
        target = _rate(amount, policy=policy)
        threshold = apcer_threshold(scores, labels, apcer=target, over=over, species=species)
        recorded = f"{name}={amount}"
    else:
        raise BadInputError(f"unknown threshold policy {policy!r}", hint='use "eer" or "apcer=0.05"')
    return DecisionRule(
        threshold=threshold,
        policy=recorded,
        split=split,
        source=source,
        n_bona_fide=bona_fide.size,
        n_attack=attack.size,
        simulated=simulated,
    )


def check_policy(policy: str) -> None:
    """Refuse a policy that `fit_rule` could not follow, before there are scores.

    Raises:
        BadInputError: an unknown policy, or a rate that is none.
    """
    fit_rule(np.array([0.0, 1.0]), np.array([0, 1]), policy=policy, split="dev", species=np.array(["", ""]))


def _rate(text: str, *, policy: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadInputError(f"policy {policy!r} needs a rate", hint='write it as "apcer=0.05"') from None


def attack_species(labels: Array, species: Array) -> Array:
    """Species of the attack rows only."""
    same_length(np.asarray(labels), np.asarray(species), names="labels and species")
    names: Array = np.asarray(species)[~checked_labels(labels)]
    return names


def _groups(attack: Floats, labels: Array, species: Array | None, over: Over) -> list[Floats]:
    if over == "pooled":
        return [attack]
    if species is None:
        raise BadInputError("the worst species needs species", hint='pass species=, or over="pooled"')
    return list(split_species(attack, attack_species(labels, species)).values())
