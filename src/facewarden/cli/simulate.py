"""Simulate registered color, depth and infrared captures of bona fide and attack presentations, with ground truth."""

from __future__ import annotations

from facewarden.cli.parts.checks import check_sets, check_shard
from facewarden.cli.parts.kinds import Faces, Folder, Name, Share
from facewarden.cli.parts.outcome import Outcome


def simulate(
    out: Folder,
    /,
    *,
    version: int = 1,
    subjects: int = 24,
    captures_per_subject: int = 8,
    domains: tuple[Name, ...] = (),
    species: tuple[Name, ...] = (),
    faces: Faces | None = None,
    size: int = 224,
    framing: float | None = None,
    seed: int = 0,
    shard: Share | None = None,
    workers: int = 0,
    maps: bool = False,
    layout: Name | None = None,
) -> Outcome:
    """Simulate registered color, depth and near-infrared captures of bona fide and attack presentations.

    Args:
        out: folder to write: images, manifest.csv, card.json, README.md and a contact sheet.
        version: of the simulator; 2 has 24 sites, 8-bit depth as published sets deliver it, and more instruments.
        subjects: how many people; each is captured in one sensor domain.
        captures_per_subject: of each, half of them bona fide, or each site's own share in version 2.
        domains: sensor domains (alder, birch, cedar, dogwood; of version 2 site_01 to site_24); all when left out.
        species: attack species; each domain's own mix when left out.
        faces: photos of people instead of procedural ones: orl, lfw:FOLDER, or a folder with one folder per person.
        size: width and height of the frames in pixels.
        framing: width of the face as a share of the frame's width; 0.4, or each site's own in version 2, when left out.
        seed: of everything; the result does not depend on the number of workers.
        shard: I/N, such as 1/8: only this share of the people; left out, all. facewarden merge joins the shares.
        workers: processes; all cores when 0.
        maps: also write exact depth and reflection.
        layout: write faces cut out, as a published set lies on disk (wmca, casia_surf, casia_cefa, padisi,
            celeba_spoof), with its known defects; subjects, faces, size, seed and one of domains apply.
    """
    check_sets([faces])
    check_shard(shard)
    from facewarden.verbs.simulate import simulate as run

    result = run(
        out,
        version=version,
        subjects=subjects,
        captures_per_subject=captures_per_subject,
        domains=domains,
        species=species,
        faces=faces,
        size=size,
        framing=framing,
        seed=seed,
        shard=shard,
        workers=workers,
        maps=maps,
        layout=layout,
    )
    species_counts = dict(result.manifest.counts("species"))
    lines = [f"{count:6d}  {name}" for name, count in species_counts.items()]
    lines += [f"skipped {count}: {reason}" for reason, count in result.skipped.items()]
    lines += [f"note: {note}" for note in result.manifest.notes]
    empty = [split for split in ("train", "dev", "test") if not len(result.manifest.where(split=split))]
    if empty and shard is None:
        lines.append(f"note: too few people for captures of {' and '.join(empty)}: more --subjects, or draw the "
                     f"splits anew: facewarden data split {result.path} --out FILE.csv")  # fmt: skip
    lines.append(f"simulated captures: {result.path}")
    sheet = result.path.parent / "sheet.png"
    lines.append(f"to look at: {sheet}" if sheet.is_file() else f"use them with --captures {result.path}")
    found = {
        "captures": result.path,
        "species": species_counts,
        "skipped": result.skipped,
        "notes": result.manifest.notes,
    }
    return Outcome(found, lines)


entry = simulate
