"""Resolve a protocol name or argument into train, dev and test splits; it is tried before anything is simulated."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from facewarden.core import registry
from facewarden.core.errors import BadInputError
from facewarden.core.labels import SPLITS, Split
from facewarden.data.arrays import array_file
from facewarden.data.manifest import Manifest
from facewarden.data.protocols.parts.base import Protocol
from facewarden.data.protocols.parts.transfer import DomainTransfer
from facewarden.data.sample import Sample
from facewarden.data.simulate.planned import planned_samples
from facewarden.data.simulate.specification import Simulation
from facewarden.data.transfer import audit_splits, transfer_protocol

_SETS = "--data wmca:PATH casia_surf:PATH casia_cefa:PATH padisi:PATH"


def named_protocol(text: str) -> Protocol:
    """An entry of the registry, with an argument after a colon, or a short name of domain generalization.

    Raises:
        UnknownEntryError: there is none of that name.
        BadInputError: it does not take the argument after the colon.
    """
    name, colon, argument = text.partition(":")
    if name not in {entry.name for entry in registry.list_entries("protocols")}:
        return transfer_protocol(text)
    made: Any = registry.load("protocols", name)
    try:
        chosen: Protocol = made(argument) if colon else made()
    except TypeError as error:
        raise BadInputError(
            f"protocol {name} does not take {argument!r}: {error}", hint=f"--protocol {name}"
        ) from error
    return chosen


def with_protocol(manifest: Manifest, protocol: str, *, seed: int) -> Manifest:
    """Return the same captures in the splits of a protocol, without those that it leaves out.

    Raises:
        BadInputError: the captures do not suit it.
    """
    splits = named_protocol(protocol).assign(manifest, seed=seed)
    rows = tuple(sample for held in splits.values() for sample in held)
    return replace(manifest, rows=rows, name=f"{manifest.name}, {protocol}")


def audit_of(manifest: Manifest) -> dict[str, Any]:
    """Describe the splits as JSON values: `rows`, `subjects` with counts, `sentences` on overlaps and duplicates."""
    splits: dict[Split, list[Sample]] = {split: [] for split in SPLITS}
    absent = 0
    for sample in manifest:
        there = all(array_file(manifest.root / str(sample.path(name))).is_file() for name in sample.modalities)
        absent += not there  # training leaves it out and counts it
        if there:
            splits[sample.split].append(sample)
    audit = audit_splits(splits, root=manifest.root)
    subjects = [[*key, count] for key, count in sorted(audit.subjects.items())]
    lost = [f"captures whose files are not there, not in the audit: {absent}"] if absent else []
    sentences = [*audit.sentences(), *lost]
    return {"rows": [list(row) for row in audit.rows()], "subjects": subjects, "sentences": sentences}


def check_simulated(protocol: str, simulation: Simulation, *, seed: int) -> None:
    """Try a protocol on what would be simulated, which takes no time, so that an unfit one costs none.

    Args:
        protocol: as it was typed.
        simulation: what would be simulated.
        seed: of the protocol's draws.

    Raises:
        UnknownEntryError: there is no such protocol.
        BadInputError: simulated captures do not suit it.
    """
    chosen = named_protocol(protocol)
    try:
        chosen.assign(planned_samples(simulation), seed=seed)
    except BadInputError as error:
        hint = _SETS if isinstance(chosen, DomainTransfer) else error.hint
        raise BadInputError(
            f"no captures were given, and simulated ones do not suit protocol {protocol!r}: {error.message}", hint=hint
        ) from error
