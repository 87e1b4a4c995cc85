"""Simulate a whole set of captures, in memory or to disk, the same bits whatever the number of processes is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2

from facewarden.core.compute.shards import share
from facewarden.core.errors import BadInputError
from facewarden.core.files import remove_stale, write_text
from facewarden.core.guards.bounded import read_json_bounded
from facewarden.core.guards.lock import hold, locking
from facewarden.core.processes import CANNOT_START, needs_main, note_one_process, without_main, worker_pool
from facewarden.core.progress import track
from facewarden.data.datasets import Dataset
from facewarden.data.manifest import Manifest
from facewarden.data.manifest_columns import parse_row, to_row
from facewarden.data.results import Result
from facewarden.data.sample import Sample
from facewarden.data.simulate.capture import Capture, make_capture
from facewarden.data.simulate.person.people import Locate, People, ProceduralPeople, frame_of, people_from
from facewarden.data.simulate.plan import make_plan
from facewarden.data.simulate.site_plan import SubjectPlan
from facewarden.data.simulate.species import SCREENS
from facewarden.data.simulate.specification import FRAMING, Simulation
from facewarden.data.simulate.writer import read_rows, write_capture, write_rows


@dataclass(frozen=True, repr=False)
class SimulatedSet(Result):
    """A finished set.

    Attributes:
        manifest: its rows.
        path: of the manifest file.
        skipped: reason -> how many photos were left out.
    """

    manifest: Manifest
    path: Path
    skipped: dict[str, int]


def iter_captures(
    simulation: Simulation, *, faces: Path | Dataset | None = None, locate: Locate | None = None
) -> Iterator[Capture]:
    """Simulate captures one after the other without touching the disk; the arguments are those of `simulate`."""
    people, plans, _ = plans_of(simulation, faces=faces, locate=locate)
    for plan in plans:
        yield from captures_of(people, plan)


def captures_of(people: People, plan: SubjectPlan) -> Iterator[Capture]:
    """Render the captures of one subject."""
    for spec in plan.specs:
        pixels, scale = frame_of(spec.size, spec.framing)  # heads are rendered at about the scale of the site's frames
        people = people.at_scale(pixels, scale)
        victim = people.maps(plan.person, key=spec.key, subtype=spec.subtype)
        attacker = None
        if spec.species != "bona_fide":
            # Of whoever holds a screen only the hand is seen: any picture of the attacker will do.
            in_hand = spec.species in SCREENS
            attacker = people.maps(
                plan.attacker, key="holds" if in_hand else f"attacks {spec.key}",
                facing=(plan.person, spec.key) if spec.version > 1 and not in_hand else None,
            )  # fmt: skip
        yield make_capture(spec, victim, wearer=attacker)


@locking
def simulate(
    out: Path,
    simulation: Simulation,
    *,
    faces: Path | Dataset | None = None,
    locate: Locate | None = None,
    workers: int = 1,
) -> SimulatedSet:
    """Simulate registered color, depth and near-infrared captures of bona fide and attack presentations.

    Subjects that were finished by an earlier, killed call with the same arguments are kept.

    Args:
        out: folder to write to: `captures/DOMAIN/KEY_{rgb,depth,ir}.png`, `manifest.csv`, `card.json`, `README.md`.
        simulation: what to simulate.
        faces: photos of people (a folder of one folder per person, or a dataset) instead of procedural people.
        locate: finds five landmarks in a photo; needed where `faces` does not know them.
        workers: processes.

    Returns:
        The set with its manifest.

    Raises:
        BadInputError: a folder that cannot be written, or that holds another set; photos that make no people.
    """
    people, plans, skipped = plans_of(simulation, faces=faces, locate=locate)
    recipe = {
        "version": simulation.version, "subjects": len(plans), "captures_per_subject": simulation.captures_per_subject,
        "domains": [site.name for site in simulation.sites], "species": list(simulation.species) or None,
        "faces": "procedural" if faces is None else "photos", "size": simulation.size,
        "framing": simulation.framing or (FRAMING if simulation.version == 1 else "each site's own"),
        "seed": simulation.seed, "maps": simulation.maps,
    }  # fmt: skip
    plans = tuple(share(plans, _name, of="people", group=_name))
    _claim(out, recipe, {site.name: site.about for site in simulation.sites})
    maps = simulation.maps
    rows = _in_processes(people, plans, out=out, maps=maps, workers=workers) if workers > 1 else None
    if rows is None:
        rows = [
            simulate_subject(people, plan, out, maps=maps) for plan in track(plans, label="simulating", unit="people")
        ]
    manifest = Manifest(tuple(row for some in rows for row in some), root=out, name=out.absolute().name)
    path = out / "manifest.csv"
    manifest.write(path)
    return SimulatedSet(manifest, path, skipped)


def plans_of(
    simulation: Simulation, *, faces: Path | Dataset | None, locate: Locate | None
) -> tuple[People, tuple[SubjectPlan, ...], dict[str, int]]:
    """The people of a set, what is captured of each, and reason -> how many photos were left out."""
    people, count, skipped = people_of(simulation, faces=faces, locate=locate)
    return people, make_plan(people, replace(simulation, subjects=count)), skipped


def people_of(
    simulation: Simulation, *, faces: Path | Dataset | None, locate: Locate | None
) -> tuple[People, int, dict[str, int]]:
    """The people of a set, how many they are, and reason -> how many photos were left out."""
    pixels, scale = frame_of(simulation.size, simulation.framing or FRAMING)
    seed, subjects = simulation.seed, simulation.subjects
    if faces is None:
        return ProceduralPeople(seed, pixels, scale), subjects, {}
    people, skipped = people_from(faces, count=subjects, seed=seed, size=pixels, scale=scale, locate=locate)
    return people, min(subjects, len(people.portraits)), skipped


def _name(plan: SubjectPlan) -> str:
    return plan.specs[0].subject


def simulate_subject(people: People, plan: SubjectPlan, out: Path, *, maps: bool) -> list[Sample]:
    """Write the captures of one subject, unless an earlier call has; their rows.

    Args:
        people: of the set.
        plan: of the subject.
        out: folder of the set.
        maps: as in `write_capture`.
    """
    done = out / "rows" / f"{_name(plan)}.json"
    rows = read_rows(done, out=out, keys=[spec.key for spec in plan.specs])
    if rows is None:
        rows = [write_capture(out, capture, maps=maps) for capture in captures_of(people, plan)]
        write_rows(done, rows, out=out)
    return rows


def _task(task: tuple[People, tuple[SubjectPlan, ...], Path, bool]) -> list[list[dict[str, Any]]]:
    people, plans, out, maps = task
    cv2.setNumThreads(1)
    # Samples hold mapping proxies, which cannot travel between processes; their cells can.
    return [[to_row(row) for row in simulate_subject(people, plan, out, maps=maps)] for plan in plans]


def _in_processes(
    people: People, plans: tuple[SubjectPlan, ...], *, out: Path, maps: bool, workers: int
) -> list[list[Sample]] | None:
    """The rows of every subject; None where no process can do the work, of which what was finished stays."""
    if needs_main(people):
        note_one_process("the photos are read by a class of the script itself, which other processes do not know")
        return None
    # Neighbors share attackers, whose preparation is cached in the process: hand out runs of subjects.
    run = max(1, min(8, -(-len(plans) // workers)))
    tasks = [(people, plans[i : i + run], out, maps) for i in range(0, len(plans), run)]
    try:
        with worker_pool(workers) as pool:
            with without_main():
                answers = pool.map(_task, tasks)
            rows_by_subject = list(track(answers, label="simulating", total=len(plans), unit="people", size=len))
    except CANNOT_START as error:
        note_one_process(f"the others could not be started or ended early ({type(error).__name__}: {error})")
        return None
    return [[parse_row(cells) for cells in rows] for some in rows_by_subject for rows in some]


_OURS = ("card.json", "README.md", "manifest.csv", "captures", "rows")
"""What a set writes: found without a set's card it is somebody else's and is not overwritten."""


def _claim(out: Path, recipe: dict[str, Any], about: dict[str, str]) -> None:
    """Make the folder, or recognize it as the same set begun earlier."""
    card = out / "card.json"
    hold(out)
    try:
        remove_stale(out)
        recipe_there = read_json_bounded(card).get("recipe") if card.is_file() else None
        if recipe_there is None and (there := [name for name in _OURS if (out / name).exists()]):
            raise BadInputError(f"{out} holds {', '.join(there)} of something else", hint="an empty or a new folder")
        if recipe_there is not None and recipe_there != recipe:
            changed = sorted(name for name in {*recipe_there, *recipe} if recipe_there.get(name) != recipe.get(name))
            raise BadInputError(
                f"{out} holds a simulated set made with other settings: {', '.join(changed)}", hint="another folder"
            )
        text = {"kind": "simulated captures", "simulated": True, "recipe": recipe, "domains": about}
        write_text(card, json.dumps(text, indent=2) + "\n")
        write_text(out / "README.md", _readme(recipe, about))
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise BadInputError(f"{out}: cannot be used: {error}", hint="choose a writable folder") from error


def _readme(recipe: dict[str, Any], about: dict[str, str]) -> str:
    sites = "\n".join(f"- **{name}**: {text}" for name, text in about.items())
    settings = "\n".join(f"- {name}: {value}" for name, value in recipe.items())
    millimeters = recipe["version"] == 1
    depth = "16 bit, mm, 0 = hole" if millimeters else "an 8-bit picture, each site's own, `attr_depth_picture`"
    return (
        "# Simulated captures\n\nEvery image here was rendered by facewarden; none was taken by a sensor. Say"
        " *simulated* wherever a figure from this set is shown.\n\n"
        f"One row of `manifest.csv` per capture: color (8 bit), depth ({depth}), near infrared (8 bit)."
        f"\n\n## Sites\n\n{sites}\n\n## Recipe\n\n{settings}\n"
    )
