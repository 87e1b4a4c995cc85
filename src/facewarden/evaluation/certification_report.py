"""A certificate as files: JSON with every number, a table of every capture, a page and its figure."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from facewarden.core.compute.computing import placement
from facewarden.core.errors import BadInputError
from facewarden.core.files import write_json, write_text
from facewarden.core.run import provenance
from facewarden.data.table import write_table
from facewarden.evaluation.certification import SELECTION, Certification, Smoothing, linf_radius
from facewarden.evaluation.certified_embeddings import CertifiedEmbeddings
from facewarden.metrics.certified import largest_radius
from facewarden.reporting.document import Figure
from facewarden.reporting.figures import draw_svg, standalone

VERSION = 1
"""Of the JSON's layout."""

STEPS = 6
"""Radii of a table, the largest that the copies can prove last."""

LEVELS = (0.5, 1.0, 2.0, 8.0)
"""Budgets of the largest change of a value, in gray levels, whose Euclidean lengths the page states."""

COVERS = (
    "The certificate covers changes of the pixels of the frame as it is given to the model, of at most that Euclidean "
    "length. It does not cover the face finder, resizing before the model, JPEG, or another presentation."
)


def radii_of(settings: Smoothing) -> tuple[float, ...]:
    """The radii of the tables: from 0 to just below the largest that the copies can prove."""
    most = largest_radius(settings.copies, sigma=settings.sigma, alpha=settings.alpha)
    return tuple(float(radius) for radius in np.linspace(0.0, 0.999 * most, STEPS))


def write_certification(
    found: Certification, settings: Smoothing, folder: Path, *, detector: str, source: str, command: str
) -> tuple[Path, ...]:
    """Write `certified.json`, `certified.md`, `certified.svg` and `certified.parquet`.

    Raises:
        BadInputError: the folder cannot be written.
    """
    document = certification_document(found, settings, detector=detector, source=source, command=command)
    figure = _figure(document, simulated=found.simulated)
    rows = {
        "key": found.key.tolist(), "label": found.label.tolist(), "species": found.species.tolist(),
        "subject": found.subject.tolist(), "smoothed_score": found.median.tolist(),
        "decided_bona_fide": found.found.bona_fide.astype(int).tolist(),
        "certified_radius": found.found.radius.tolist(), "abstains": found.found.abstains.astype(int).tolist(),
    }  # fmt: skip
    paths = tuple(folder / f"certified.{ending}" for ending in ("json", "md", "svg", "parquet"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(paths[0], document)
        write_text(paths[1], _page(document, simulated=found.simulated))
        write_text(paths[2], standalone(draw_svg(figure)) + "\n")
        write_table(paths[3], rows)
    except OSError as error:
        raise BadInputError(f"{folder}: cannot be written: {error}", hint="choose a writable folder: --out") from error
    return paths


def certification_document(
    found: Certification, settings: Smoothing, *, detector: str, source: str, command: str
) -> dict[str, Any]:
    """Every number of a certificate as values that JSON can hold."""
    radii = radii_of(settings)
    species = sorted({str(name) for name in found.species[found.label == 0]})
    attacks = found.rates(radii, label=0)
    genuine = found.rates(radii, label=1)
    return {
        "version": VERSION,
        "command": command,
        "provenance": provenance(placement().resolved()),
        "detector": detector,
        "captures": source,
        "simulated": found.simulated,
        "settings": {**asdict(settings), "modalities": list(settings.modalities), "selection": SELECTION},
        "rule": asdict(found.rule),
        "radii": list(radii),
        "certified_apcer": [asdict(rate) for rate in attacks],
        "certified_bpcer": [asdict(rate) for rate in genuine],
        "certified_apcer_by_species": {
            name: [asdict(rate) for rate in found.rates(radii, label=0, species=name)] for name in species
        },
        "abstentions": {"attack": asdict(found.abstentions(label=0)), "bona_fide": asdict(found.abstentions(label=1))},
        "not_smoothed": {"apcer": asdict(found.unsmoothed[0]), "bpcer": asdict(found.unsmoothed[1])},
        "constant_detector": {"certified_apcer": 0.0, "certified_bpcer": 1.0},
        "cost": {"copies_per_capture": SELECTION + settings.copies},
        "frames": [
            {"height": size[0], "width": size[1], "radius_of_linf": {
                f"{level:g}/255": linf_radius(level, size, modalities=settings.modalities) for level in LEVELS
            }}
            for size in found.sizes
        ],
        "largest_radius": largest_radius(settings.copies, sigma=settings.sigma, alpha=settings.alpha),
        "skipped": dict(found.skipped),
    }  # fmt: skip


def _figure(document: dict[str, Any], *, simulated: bool) -> Figure:
    radii = document["radii"]
    series = [
        {
            "name": name,
            "n": document[key][0]["n"],
            "x": radii,
            "y": [rate["value"] for rate in document[key]],
            "low": [rate["low"] for rate in document[key]],
            "high": [rate["high"] for rate in document[key]],
        }
        for name, key in (("certified APCER", "certified_apcer"), ("certified BPCER", "certified_bpcer"))
    ]
    count = document["certified_bpcer"][0]["n"]
    series.append({"name": "constant detector, APCER", "n": count, "x": radii, "y": [0.0] * len(radii)})
    series.append({"name": "constant detector, BPCER", "n": count, "x": radii, "y": [1.0] * len(radii)})
    data = {
        "series": series, "percent": True, "xlabel": "Euclidean length of the change", "ylabel": "not proven right",
    }  # fmt: skip
    alt = "Upper bounds of APCER and BPCER by the length of the change; a detector that rejects all has 0 and 100 %."
    return Figure("curves", "Certified error rates", data, alt, simulated=simulated)


def _page(document: dict[str, Any], *, simulated: bool) -> str:
    mark = " (simulated)" if simulated else ""
    settings, frame = document["settings"], document["frames"][0]
    names = list(document["certified_apcer_by_species"])
    head = ["radius", "APCER %, all attacks", *(f"APCER %, {name}" for name in names), "BPCER %"]
    table = [head, ["---"] * len(head)]
    for place, radius in enumerate(document["radii"]):
        cells = [document["certified_apcer"][place]]
        cells += [document["certified_apcer_by_species"][name][place] for name in names]
        cells.append(document["certified_bpcer"][place])
        table.append([f"{radius:.3f}", *(_percent(cell) for cell in cells)])
    lengths = ", ".join(f"{name}: {length:.2f}" for name, length in frame["radius_of_linf"].items())
    refused, plain = document["abstentions"], document["not_smoothed"]
    lines = [
        f"# Certified error rates{mark}",
        "",
        f"    {document['command']}",
        "",
        f"{document['detector']} smoothed with Gaussian noise of sigma = {settings['sigma']:g} on "
        f"{' and '.join(settings['modalities'])}: the majority of noisy copies decides. A rate at radius r is an upper "
        "bound of what any attacker reaches who changes the pixels by less than r, as a Euclidean length over the "
        f"frame; each certificate is wrong with a chance of at most {settings['alpha']:g}. In brackets the 95 % "
        "interval by subject.",
        "",
        *("| " + " | ".join(cells) + " |" for cells in table),
        "",
        f"- The threshold rejects at most {100 * settings['bpcer']:g} % of the dev bona fide captures. Abstentions: "
        f"attacks {_percent(refused['attack'])} %, bona fide {_percent(refused['bona_fide'])} %; they count as errors.",
        f"- The detector itself, without noise, its threshold at the same BPCER on dev: APCER "
        f"{_percent(plain['apcer'])} %, BPCER {_percent(plain['bpcer'])} %.",
        "- A detector that rejects everything has a certified APCER of 0 at every radius, and a BPCER of 100 %: read "
        "the two together.",
        f"- {settings['copies']} copies prove at most a radius of {document['largest_radius']:.3f}. Budgets of the "
        f"largest change of a value have these radii on a frame of {frame['height']} x {frame['width']} pixels: "
        f"{lengths}.",
        f"- {COVERS}",
        f"- Cost: {document['cost']['copies_per_capture']} scores a capture instead of one.",
        *(f"- Not certified: {count} x {reason}." for reason, count in document["skipped"].items()),
        "",
    ]
    return "\n".join(lines)


def embeddings_document(
    found: CertifiedEmbeddings, settings: Smoothing, *, recognizer: str, source: str, simulated: bool, command: str
) -> dict[str, Any]:
    """Every number of certified embeddings as values that JSON can hold."""
    finite = np.where(np.isfinite(found.moved), found.moved, np.nan)
    proven = np.isfinite(found.moved).mean(axis=0) if len(found.key) else np.zeros(len(found.radii))
    return {
        "version": VERSION,
        "command": command,
        "provenance": provenance(placement().resolved()),
        "recognizer": recognizer,
        "photos": source,
        "simulated": simulated,
        "settings": {name: getattr(settings, name) for name in ("sigma", "copies", "alpha", "seed")},
        "match_threshold": found.threshold,
        "radii": list(found.radii),
        "still_matches": [asdict(rate) for rate in found.kept],
        "median_bound": [None if share < 1 else float(np.median(column))
                         for share, column in zip(proven, finite.T, strict=True)],
        "with_a_bound": [float(share) for share in proven],
        "skipped": dict(found.skipped),
    }  # fmt: skip


def write_embeddings(document: dict[str, Any], folder: Path) -> tuple[Path, ...]:
    """Write `certified.json` and `certified.md` of embeddings.

    Raises:
        BadInputError: the folder cannot be written.
    """
    settings = document["settings"]
    rows = ["| radius | provably still matches % | median bound of the distance |", "|---|---|---|"]
    for radius, rate, bound in zip(document["radii"], document["still_matches"], document["median_bound"], strict=True):
        rows.append(
            f"| {radius:.3f} | {_percent(rate)} | {'none for some photos' if bound is None else f'{bound:.3f}'} |"
        )
    lines = [
        f"# Certified embeddings{' (simulated)' if document['simulated'] else ''}",
        "",
        f"    {document['command']}",
        "",
        f"{document['recognizer']} with center smoothing, sigma = {settings['sigma']:g}, {settings['copies']} copies "
        "for a center and as many to prove: whoever changes a photo by at most the radius, as a Euclidean length over "
        "the aligned crop, moves its embedding by at most the bound. The share says how many photos provably go on "
        f"matching their unchanged self at a cosine of {document['match_threshold']:.3f}.",
        "",
        *rows,
        "",
        *(f"- Not certified: {count} x {reason}." for reason, count in document["skipped"].items()),
        f"- {COVERS}",
        "",
    ]
    paths = folder / "certified.json", folder / "certified.md"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(paths[0], document)
        write_text(paths[1], "\n".join(lines))
    except OSError as error:
        raise BadInputError(f"{folder}: cannot be written: {error}", hint="choose a writable folder: --out") from error
    return paths


def _percent(rate: dict[str, Any]) -> str:
    return f"{100 * rate['value']:.1f} ({100 * rate['low']:.1f}–{100 * rate['high']:.1f})"
