"""Splits of a plan before anything is trained: what they hold, and whether a result on them could be measured."""

from __future__ import annotations

from pathlib import Path

from facewarden.core.errors import FacewardenError
from facewarden.core.files import write_json
from facewarden.core.labels import ATTACK, BONA_FIDE
from facewarden.core.settings import SettingError
from facewarden.data.manifest import Manifest
from facewarden.data.protocols.parts.source_fold import source_fold
from facewarden.data.transfer import Splits, audit_splits


def write_audit(path: Path, splits: Splits, manifest: Manifest) -> None:
    """Write what the splits of a protocol hold, once.

    Args:
        path: of the file.
        splits: of the protocol, or of a fold of its sources.
        manifest: whose samples they are.
    """
    if path.is_file():
        return
    audit = audit_splits(splits, root=manifest.root)
    subjects = [[*key, count] for key, count in sorted(audit.subjects.items())]
    summary = {"rows": audit.rows(), "subjects": subjects, "sentences": audit.sentences()}
    write_json(path, {**summary, "notes": list(manifest.notes)})


def checked_fold(name: str, splits: Splits, *, sites: int) -> Splits:
    """The fold of a protocol's sources that chooses settings.

    Args:
        name: of the protocol.
        splits: of the protocol.
        sites: how many sources are held out.

    Raises:
        SettingError: it cannot be made, or could not be measured.
    """
    try:
        fold = source_fold(splits, sites=sites)
    except FacewardenError as error:
        raise SettingError(f"the fold of {name}: {error.message}", hint=error.hint, at=("tuning",)) from error
    check_measurable(f"{name}, held-out sources", fold)
    return fold


def check_measurable(protocol: str, splits: Splits) -> None:
    """Refuse, before training, protocols whose results could not be measured.

    Args:
        protocol: named in the error.
        splits: of the protocol.

    Raises:
        SettingError: all sources' dev, or one target domain, lacks a class.
    """
    groups = {"dev of the sources": list(splits["dev"])}
    for sample in splits["test"]:
        groups.setdefault(f"target {sample.domain}", []).append(sample)
    for where, rows in groups.items():
        labels = {sample.label for sample in rows}
        lacking = [word for label, word in ((BONA_FIDE, "bona fide"), (ATTACK, "attack")) if label not in labels]
        if lacking:
            raise SettingError(
                f"protocol {protocol}: {where} has no {' and no '.join(lacking)} presentation that can be read, "
                f"of {len(rows)} captures",
                hint="give its other class, or leave the protocol out; facewarden data check counts them",
                at=("data",),
            )
