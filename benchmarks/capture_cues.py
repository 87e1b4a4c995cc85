"""By which cue can each species be told from a living face? AUC of simple cues, per species and simulator version.

Run with `python benchmarks/capture_cues.py --people 48 --seed 5 --out docs/results/capture_cues.json`; all captures are
simulated. Every person stands at one site and gives one bona fide capture and one of every species, at
the quality of the site, so that every comparison has equal numbers. Three fits of a ridge regression, each tested on
people that it has not seen: at unseen sites on the species itself (`same`), at unseen sites on all other species
(`others`), and at the same sites on the species itself (`in_domain`, what can be had at all). Cues of the table:

- `color_means`, `infrared_mean`, `depth_plane` (residual from a plane, holes), `high_frequencies`, `context` (the
  surroundings of the face alone): one kind of number each;
- `thumbnails`: 24 x 24 gray pictures of the three sensors; and the same after each step of equalizing: `- means`
  (each picture has mean 0 and deviation 1), `- plane` (its best plane taken away), `- fine` (blurred to 8 x 8),
  `- context` (only what lies in the ellipse of the face);
- `truth`: the simulator's own maps, exact depth and mirrored light, which no sensor delivers.

Intervals are 95 % percentiles of 1,000 draws of people; chance is 0.5. `median_interval` is how wide the middle one of
a version's intervals is: a smaller difference between two cues says nothing.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import StandardScaler

from facewarden.core.labels import SPECIES_BY_VERSION, species_group
from facewarden.core.seeding import derive
from facewarden.data.simulate import Capture, CaptureSpec, make_capture
from facewarden.data.simulate.person.people import ProceduralPeople, frame_of
from facewarden.data.simulate.sensor.domains import Domain
from facewarden.data.simulate.sensor.site import Site
from facewarden.data.simulate.sensor.sites import named_sites
from facewarden.data.simulate.site_plan import weighted

Floats = NDArray[np.float32]
SIDE = 112
"""Pixels of a crop: the face box and a quarter more."""
STEPS = ("thumbnails", "- means", "- plane", "- fine", "- context")
CUES = ("color_means", "infrared_mean", "depth_plane", "high_frequencies", "context", *STEPS, "truth")
DRAWS = 1000


def crop(capture: Capture, image: NDArray[np.generic], *, grow: float = 1.25) -> Floats:
    """The face and its surroundings at `SIDE` pixels; what lies outside the frame is the frame's edge."""
    x0, y0, x1, y1 = (float(v) for v in capture.box)
    half = grow * max(x1 - x0, y1 - y0) / 2
    cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
    scale = SIDE / (2 * half)
    matrix = np.array([[scale, 0, (half - cx) * scale], [0, scale, (half - cy) * scale]])
    source = image.astype(np.float32)
    if scale < 0.7:
        source = cv2.GaussianBlur(source, (0, 0), 0.45 / scale)
    return np.asarray(cv2.warpAffine(source, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE), np.float32)


def delivered(capture: Capture) -> tuple[Floats, Floats, Floats]:
    """Color, depth and infrared of a capture as a reader gets them: depth as the site's picture where there is one."""
    if capture.depth_picture is not None:
        depth = capture.depth_picture / np.float32(255)
    else:
        valid = capture.depth[capture.depth > 0]
        middle = float(np.median(valid)) if valid.size else 1.0
        shown = np.clip(0.5 + (middle - capture.depth.astype(np.float32)) / 600, 0, 1)
        depth = np.where(capture.depth > 0, shown, 0).astype(np.float32)
    return capture.rgb / np.float32(255), depth, capture.infrared / np.float32(255)


def small(image: Floats, side: int) -> Floats:
    return np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA), np.float32)


def without_plane(image: Floats) -> Floats:
    """The picture minus its least-squares plane."""
    line = np.linspace(-1, 1, image.shape[0], dtype=np.float32)
    x, y = np.meshgrid(line, line)
    basis = np.stack([x.ravel(), y.ravel(), np.ones(image.size, np.float32)], axis=1)
    solution, *_ = np.linalg.lstsq(basis, image.ravel(), rcond=None)
    return (image - (basis @ solution).reshape(image.shape)).astype(np.float32)


def standard(image: Floats) -> Floats:
    return ((image - image.mean()) / max(float(image.std()), 1e-3)).astype(np.float32)


def texture(image: Floats) -> list[float]:
    """Deviation of three bands of one octave each, in logarithms."""
    out = []
    for _ in range(3):
        soft = cv2.GaussianBlur(image, (0, 0), 1.0)
        out.append(float(np.log(np.std(image - soft) + 1e-4)))
        image = cv2.resize(soft, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return out


def cues(capture: Capture) -> dict[str, Floats]:
    """Every cue of a capture as a vector."""
    color, depth, infrared = delivered(capture)
    rgb, range_, flash = crop(capture, color), crop(capture, depth), crop(capture, infrared)
    gray = rgb.mean(2)
    pictures = [small(one, 24) for one in (gray, range_, flash)]
    inner = range_[20:-20, 20:-20]
    wide = [small(crop(capture, one, grow=2.2), 24) for one in (color.mean(2), depth, infrared)]
    line = np.linspace(-1, 1, 24)
    oval = ((line[None, :] / 0.62) ** 2 + (line[:, None] / 0.8) ** 2 < 1).astype(np.float32)
    around = np.ones((24, 24), bool)
    around[5:19, 5:19] = False
    out = {
        "color_means": np.concatenate([rgb.mean((0, 1)), rgb.std((0, 1))]),
        "infrared_mean": np.array([flash[20:-20, 20:-20].mean(), flash.mean()]),
        "depth_plane": np.array([without_plane(inner).std(), (inner < 0.02).mean(), (inner > 0.98).mean()]),
        "high_frequencies": np.array(texture(gray) + texture(flash) + texture(range_)),
        "context": np.concatenate([one[around] for one in wide]),
    }
    for step in STEPS:
        if step == "- means":
            pictures = [standard(one) for one in pictures]
        elif step == "- plane":
            pictures = [standard(without_plane(one)) for one in pictures]
        elif step == "- fine":
            pictures = [small(one, 8) for one in pictures]
        elif step == "- context":
            pictures = [one * small(oval, 8) for one in pictures]
        out[step] = np.concatenate([one.ravel() for one in pictures])
    exact = crop(capture, capture.true_depth)
    relief = np.clip(exact - np.median(exact), -150, 150)
    mirrored = np.sqrt(np.clip(crop(capture, capture.reflection), 0, 1))
    maps = [small(without_plane(relief), 24) / 20, small(mirrored, 24)]
    fine = [small(np.abs(one - cv2.GaussianBlur(one, (0, 0), 1.5)), 12) for one in (relief, mirrored * 20)]
    out["truth"] = np.concatenate([one.ravel() for one in maps + [np.log(one + 1e-2) for one in fine]])
    return {name: np.asarray(value, np.float32) for name, value in out.items()}


def task(job: tuple[int, int, int, int]) -> list[tuple[str, dict[str, Floats]]]:
    """Captures of one person: one bona fide and one of every species."""
    version, person, people, seed = job
    cv2.setNumThreads(1)
    sites = named_sites((), version=version)
    site = sites[person % len(sites)]
    framing = site.framing if isinstance(site, Site) else 0.45
    population = ProceduralPeople(seed, *frame_of(224, framing))
    rng = np.random.default_rng(derive(seed, "light", person))
    found = []
    for species in SPECIES_BY_VERSION[version]:
        found.append((species, cues(one_capture(population, site, species, version, person, people, rng, framing))))
    return found


def one_capture(
    population: ProceduralPeople, site: Domain, species: str, version: int, person: int, people: int,
    rng: np.random.Generator, framing: float,
) -> Capture:  # fmt: skip
    """Render one capture; light and subtype are drawn by the site's shares, the quality is the site's."""
    light = weighted(rng, site.illumination)
    where = "outdoor" if rng.random() < site.outdoor else "indoor"
    living = species == "bona_fide"
    subtype, quality = "plain", "medium"
    if isinstance(site, Site):
        subtype = weighted(rng, site.subtypes) if living else "plain"
        quality = "medium" if living else site.quality
    key = f"{site.name} {person} {species}"
    spec = CaptureSpec(key, f"p{person}", species, site.name, light, where, size=224, framing=framing, seed=person,
                       version=version, subtype=subtype, quality=quality)  # fmt: skip
    victim = population.maps(person, key=key, subtype=subtype)
    other = (person + 1) % people + 100_000
    facing = (person, key) if version > 1 else None
    wearer = None if living else population.maps(other, key=f"attacks {key}", facing=facing)
    return make_capture(spec, victim, wearer=wearer, site=site)


def fitted_auc(
    train: tuple[Floats, Floats], test: tuple[Floats, Floats], person: NDArray[np.int64]
) -> dict[str, float]:
    """Ridge fitted on bona fide and attack features, and its AUC with an interval over people."""
    scale = StandardScaler().fit(np.concatenate(train))
    weight = np.concatenate([np.full(len(part), 1 / len(part)) for part in train])
    label = np.concatenate([np.ones(len(train[0])), -np.ones(len(train[1]))])
    model = RidgeCV(alphas=np.logspace(0, 5, 6))
    model.fit(scale.transform(np.concatenate(train)), label, sample_weight=weight * len(label) / 2)
    live, attack = (model.predict(scale.transform(part)) for part in test)
    count = len(person)
    won = (live[:, None] > attack[None, :]) + 0.5 * (live[:, None] == attack[None, :])
    point = float(won.mean())
    # A draw of people is a weight per person, the same for both of his captures.
    drawn_people = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), size=DRAWS)
    drawn = ((drawn_people @ won) * drawn_people).sum(1) / count**2
    low, high = np.percentile(drawn, [2.5, 97.5])
    return {"auc": round(float(point), 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def fits(
    features: dict[str, Floats], species: str, person: NDArray[np.int64], site: NDArray[np.int64]
) -> Iterator[tuple[str, dict[str, float]]]:
    """The three fits of one cue for one species."""
    half = site % 2 == 0
    others = [name for name in features if name not in (species, "bona_fide")]
    live, attack = features["bona_fide"], features[species]
    test = (live[~half], attack[~half])
    yield "same", fitted_auc((live[half], attack[half]), test, person[~half])
    rest = np.concatenate([features[name][half] for name in others])
    yield "others", fitted_auc((live[half], rest), test, person[~half])
    # In-domain: every second person of every site, as many as the other fits have.
    early = (person // (int(site.max()) + 1)) % 2 == 0
    yield "in_domain", fitted_auc((live[early], attack[early]), (live[~early], attack[~early]), person[~early])


def table(version: int, people: int, seed: int, workers: int) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    """species -> cue -> fit -> AUC."""
    jobs = [(version, person, people, seed) for person in range(people)]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(task, jobs, chunksize=4))
    person = np.arange(people)
    site = person % len(named_sites((), version=version))
    out: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    for cue in CUES:
        features = {name: np.stack([dict(rows)[name][cue] for rows in found]) for name in SPECIES_BY_VERSION[version]}
        for species in SPECIES_BY_VERSION[version]:
            if species != "bona_fide":
                out.setdefault(species, {})[cue] = dict(fits(features, species, person, site))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--people", type=int, default=96)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    result = {
        "simulated": True, "people": options.people, "seed": options.seed, "draws": DRAWS, "cues": list(CUES),
        "command": f"python benchmarks/capture_cues.py --people {options.people} --seed {options.seed}",
        "groups": {name: species_group(name) for name in SPECIES_BY_VERSION[2] if name != "bona_fide"},
        "median_interval": {}, "versions": {},
    }  # fmt: skip
    for version in options.version:
        found = table(version, options.people, options.seed, options.workers)
        result["versions"][str(version)] = found
        widths = [one["high"] - one["low"] for row in found.values() for fit in row.values() for one in fit.values()]
        result["median_interval"][str(version)] = round(float(np.median(widths)), 4)
        for fit in ("same", "others", "in_domain"):
            print(f"\nversion {version}, {fit} (simulated)\n{'':20s} " + " ".join(f"{cue[:10]:>10s}" for cue in CUES))
            for species, row in found.items():
                print(f"{species:20s} " + " ".join(f"{100 * row[cue][fit]['auc']:10.1f}" for cue in CUES))
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
