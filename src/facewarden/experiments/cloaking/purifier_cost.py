"""Cost of a purifier for natural faces: visible change, verification, rank-1 from one photo, and time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from facewarden.core.seeding import derive
from facewarden.experiments.cloaking.cache import ExperimentCache
from facewarden.metrics.match import rank_hits
from facewarden.metrics.psnr import median_psnr, pooled_psnr, worst_psnr
from facewarden.metrics.verification import verification_summary
from facewarden.nn.ssim import ssim
from facewarden.photos.aligned import purify, to_images

_LOOKED_AT, _TIMED, _IMPOSTORS, _DRAWS = 200, 32, 30000, 100
_AT_ONCE = 4096
"""Pairs whose vectors are held at once."""
_LISTED = 8_000_000
"""Pairs of two people up to which all of them are shuffled; of more, numbers are drawn until there are enough."""


def cost_of(
    lab: ExperimentCache, purifier: str, *, recognizers: Sequence[str], seed: int = 0, rounds: int = 200
) -> dict[str, Any]:
    """Measure the effect of a purifier on natural faces, as JSON values.

    Args:
        lab: the crowd.
        purifier: which.
        recognizers: by whose embeddings.
        seed: of splits, pairs and draws.
        rounds: of the bootstrap.

    Returns:
        `psnr` in dB of all pixels of natural crops together, `psnr_median` and `psnr_worst` of single crops, the last
        of the worst 5 %; `ssim`, a mean over crops; `images_per_second` of processor time on one thread, the one
        value here that differs from run to run; and by recognizer `eer` of natural pairs with neither, the gallery's,
        and both photos purified, and `rank1` with one gallery photo a person, before and after.
    """
    treat = lab.purifier(purifier)
    people = lab.crowd.people
    rows = [row for person_rows in people.values() for row in person_rows]
    drawn = np.random.default_rng(derive(seed, "looked at")).permutation(rows)[:_LOOKED_AT]
    clean = to_images(lab.crowd.faces.crops[np.sort(drawn)])
    after = purify(treat, clean)
    error = (after - clean).double().square().flatten(1).mean(dim=1)
    psnr = (-10 * torch.log10(error.clamp(min=1e-10))).numpy()
    once = np.ones(len(psnr))
    with torch.no_grad():
        alike = float(torch.cat([ssim(a, b) for a, b in zip(clean.split(32), after.split(32), strict=True)]).mean())  # type: ignore[no-untyped-call]
    before, treated = lab.vectors(recognizers), lab.vectors(recognizers, purifier=purifier)
    return {
        "psnr": pooled_psnr(psnr, once),
        "psnr_median": median_psnr(psnr, once),
        "psnr_worst": worst_psnr(psnr, once),
        "ssim": alike,
        "images_per_second": _speed(lab, purifier),
        "photos": len(clean),
        "recognizers": {
            name: _of_recognizer(lab, before[name], treated[name], seed=seed, rounds=rounds) for name in recognizers
        },
    }


def _speed(lab: ExperimentCache, purifier: str) -> float:
    images = to_images(lab.crowd.faces.crops[:_TIMED])
    treat, times, threads = lab.purifier(purifier), [], torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        with torch.no_grad():
            treat(images)  # the first call plans memory
            for _ in range(5):
                started = time.process_time()  # what other programs take is not the purifier's
                treat(images)
                times.append(time.process_time() - started)
    finally:
        torch.set_num_threads(threads)
    return len(images) / max(statistics.median(times), 1e-9)


def _of_recognizer(
    lab: ExperimentCache, raw: NDArray[np.float32], treated: NDArray[np.float32], *, seed: int, rounds: int
) -> dict[str, Any]:
    first, second, who_first, who_second = pairs_of(lab.crowd.people, seed=seed)
    same = who_first == who_second
    costs: dict[str, Any] = {"pairs": len(same)}
    for name, one, two in (("before", raw, raw), ("gallery", treated, raw), ("both", treated, treated)):
        similarity = similarity_of(one, two, first, second)
        summary = verification_summary(
            similarity, same, first=who_first, second=who_second, seed=seed, rounds=rounds, fars=(0.001,)
        )
        eer, tar = summary.eer, summary.tar[0][1]
        costs[name] = {"eer": [eer.value, eer.low, eer.high], "tar_at_far_0.1%": [tar.value, tar.low, tar.high]}
    costs["rank1"] = {"before": _rank1(lab, raw, raw, seed=seed), "after": _rank1(lab, raw, treated, seed=seed)}
    return costs


def similarity_of(
    one: NDArray[np.float32], two: NDArray[np.float32], first: NDArray[Any], second: NDArray[Any]
) -> NDArray[np.float64]:
    """Cosines of pairs, some at a time: the vectors of all pairs together are far larger than those of all faces."""
    found = np.empty(len(first))
    for start in range(0, len(first), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        found[part] = np.einsum("nd,nd->n", one[first[part]].astype(np.float64), two[second[part]].astype(np.float64))
    return found


def pairs_of(people: Mapping[str, Sequence[int]], *, seed: int) -> tuple[NDArray[Any], ...]:
    """All pairs of one person, and drawn pairs of two people: photos of each, and who is on them as numbers.

    Pairs of two people are drawn by their number in the list of all of them, which is never made.
    """
    rows = np.array([row for person_rows in people.values() for row in person_rows])
    sizes = [len(person_rows) for person_rows in people.values()]
    who = np.repeat(np.argsort(np.argsort(np.array(list(people)))), sizes)  # numbers in the order of the names
    ends = np.repeat(np.cumsum(sizes), sizes)  # where the next person begins
    others = len(rows) - ends
    before = np.concatenate([[0], np.cumsum(others)])
    numbers = np.sort(drawn_numbers(int(before[-1]), np.random.default_rng(derive(seed, "impostors"))))
    owner = np.searchsorted(before, numbers, side="right") - 1
    own = [np.triu_indices(size, 1) for size in sizes]
    starts = np.cumsum([0, *sizes[:-1]])
    first, second = (
        np.concatenate([*(pair[side] + start for pair, start in zip(own, starts, strict=True)), strangers])
        for side, strangers in enumerate((owner, ends[owner] + numbers - before[owner]))
    )
    return rows[first], rows[second], who[first], who[second]


def drawn_numbers(total: int, draw: np.random.Generator) -> NDArray[np.int64]:
    """At most `_IMPOSTORS` different numbers below `total`; the memory does not grow with it."""
    if total <= _LISTED:
        return draw.permutation(total)[:_IMPOSTORS]
    found = np.unique(draw.integers(total, size=2 * _IMPOSTORS))
    return draw.permutation(found)[:_IMPOSTORS]


def _rank1(lab: ExperimentCache, probes: NDArray[np.float32], gallery: NDArray[np.float32], *, seed: int) -> float:
    """Share of probes found when everybody has one gallery photo; mean over draws of that photo."""
    split = lab.crowd.split(seed)
    probe_rows = [row for rows in split.probes.values() for row in rows]
    owners = np.array([who for who, rows in split.probes.items() for _ in rows])
    names = np.array([*split.gallery, *[f"stranger {row}" for row in split.distractors]])
    draw = np.random.default_rng(derive(seed, "one photo"))
    shares = []
    for _ in range(_DRAWS):
        one = [int(draw.choice(rows)) for rows in split.gallery.values()] + list(split.distractors)
        hits = rank_hits(probes[probe_rows] @ gallery[one].T, owners, gallery_ids=names)
        shares.append(float(hits.mean()))
    return float(np.mean(shares))
