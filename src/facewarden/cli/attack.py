"""Attack a detector's decisions within a budget and report how many flip."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from facewarden.cli.parts.checks import (
    check_attack,
    check_detectors,
    check_device,
    check_path,
    check_purifiers,
    check_sets,
    named,
)
from facewarden.cli.parts.kinds import Captures, Device, Folder, Model, Name, Precision, Rule, Setting
from facewarden.cli.parts.outcome import Outcome
from facewarden.cli.parts.own_folders import check_own_folders
from facewarden.cli.parts.parse import without_commas
from facewarden.cli.parts.settings import as_pairs, settled

groups = {
    "captures": ("bona_fide", "attacks", "mapping", "subject", "quality"),
    "models": ("detector", "surrogate", "surrogates", "victims"),
    "attack": ("method", "set", "head", "towards", "modalities"),
    "budget": ("eps", "norm"),
    "where gradients are read": ("sfa", "offset", "route", "average", "through"),
    "samples and output": ("samples", "seed", "device", "precision", "out", "pictures"),
}


def attack(
    captures: Captures | None = None,
    /,
    *,
    bona_fide: tuple[Folder, ...] = (),
    attacks: tuple[Folder, ...] = (),
    mapping: Path | None = None,
    subject: Rule = "auto",
    quality: Annotated[str, "GATE"] = "off",
    detector: Model = "auto",
    surrogate: Model | None = None,
    surrogates: tuple[Model, ...] = (),
    victims: tuple[Model, ...] = (),
    method: Name = "pgd",
    set: tuple[Setting, ...] = (),
    head: Name | None = None,
    towards: Annotated[str, "CLASS"] | None = None,
    eps: float | Annotated[str, "N/255"] | None = None,
    norm: Literal["linf", "l2"] = "linf",
    modalities: tuple[Literal["rgb", "depth", "infrared"], ...] = ("rgb",),
    sfa: Folder | None = None,
    offset: Literal["none", "first", "decay", "fixed", "refresh", "random"] | None = None,
    route: Literal["own", "contrast"] | None = None,
    average: int = 1,
    through: tuple[Model, ...] = (),
    samples: int = 64,
    seed: int = 0,
    device: Device = "auto",
    precision: Precision | None = None,
    out: Path | None = None,
    pictures: Folder | None = None,
) -> Outcome:
    """Attack a detector's decision on test captures that it decides correctly.

    Args:
        captures: captures with dev rows (for the threshold) and test rows (attacked).
        bona_fide: instead of captures, folders of bona fide photos.
        attacks: folders of attack photos; the species is read from the names of folders.
        mapping: table of which folder is what, edited.
        subject: whose face a photo shows: auto, level:2, pattern:REGEX, table:FILE.csv or photo.
        quality: photos of these folders that are small, blurred, turned away, covered or show several faces: refuse (no
            decision), or off; limits may follow in braces.
        detector: the detector under attack; auto takes color_cnn where there is color alone, and multi_cnn elsewhere.
        surrogate: detector whose gradients are read instead.
        surrogates: several of them; with victims, the matrix of what the attacks of each do to each victim.
        victims: the detectors of that matrix, anything that gives a score; the surrogates when left out.
        method: an entry of facewarden list attacks; its settings may follow in braces.
        set: settings of the method, such as steps=20 restarts=2; the others keep their defaults. Those of a model
            follow its option or its name: detector.weights=FOLDER, jpeg.quality=30.
        head: head of a multitask detector whose loss is climbed; success is still the decision.
        towards: class that the head is to name, as in --head spoof_type --towards live; without it the attack moves
            away from the truth.
        eps: largest change in gray levels (of 255) for linf, 8 when left out; for l2, which has no default, in [0, 1]
            pixel units over the image.
        norm: linf or l2.
        modalities: sensors whose pixels the attacker reaches.
        sfa: generators that facewarden sfa trained; gradients are then read where they say.
        offset: when SFA's offset is used: first, decay (the default), fixed, refresh, random or none.
        route: own (the default) adds the map of the image's own class, contrast subtracts it.
        average: read each gradient at so many points within eps and average; counts as so many gradients.
        through: purifiers through which gradients are averaged (expectation over transformation).
        samples: how many of each class at most.
        seed: of sample choice and random starts.
        device: where the models compute: auto (a GPU where there is one), cpu, cuda, cuda:1 or mps.
        precision: what they compute in: auto (bfloat16 where it is native), float32, bfloat16 or float16; left out,
            what the settings of each say, float32 for most.
        out: per-sample table to write, .parquet or .csv.
        pictures: folder for a PNG of each sample and sensor: clean, attacked, and the change stretched to the budget.
            They show faces; keep them where the faces may be kept. Not with a matrix.
    """
    surrogates = without_commas(surrogates, flag="--surrogates")
    victims = without_commas(victims, flag="--victims")
    through = without_commas(through, flag="--through")
    check_device(device)
    given = {"method": method, "detector": detector, "surrogate": surrogate, "surrogates": surrogates,
             "victims": victims, "through": through}  # fmt: skip
    parts = settled(set, main="method", components=given)
    detector, surrogate, through = parts["detector"], parts["surrogate"], parts["through"]
    surrogates, victims = parts["surrogates"], parts["victims"]
    method, set = as_pairs(parts["method"], ())
    check_sets([captures])
    check_own_folders(bona_fide, attacks, mapping=mapping, subject=subject, instead_of=captures)
    check_detectors([*named(detector), *surrogates, *victims, *([surrogate] if surrogate else [])])
    check_purifiers(through)
    check_attack(method)
    check_path(sfa)
    from facewarden.evaluation.transfer_matrix import Transferred
    from facewarden.verbs.attack import attack as run

    result = run(
        None if captures is None else Path(captures),
        bona_fide=bona_fide,
        attacks=attacks,
        mapping=mapping,
        subject=subject,
        quality=quality,
        detector=detector,
        surrogate=surrogate,
        surrogates=surrogates or None,
        victims=victims or None,
        method=method,
        set=set,
        head=head,
        towards=towards,
        eps=eps,
        norm=norm,
        modalities=modalities,
        sfa=sfa,
        offset=offset,
        route=route,
        average=average,
        through=through or None,
        samples=samples,
        seed=seed,
        device=device,
        precision=precision,
        out=out,
        pictures=pictures,
    )
    lines = [f"skipped {count}: {reason}" for reason, count in result.skipped.items()]
    mark = " (simulated)" if result.simulated else ""
    if isinstance(result, Transferred):
        width = max(len(name) for pair in result.rates for name in pair)
        for (source, victim), found in result.rates.items():
            words = "no sample that both decide correctly"
            if found is not None:
                words = f"{found.value:6.1%} ({found.low:.1%} to {found.high:.1%}), n = {found.n}{mark}"
            lines.append(f"{source:<{width}} -> {victim:<{width}} {words}")
    else:
        for name, rate in result.rates.items():
            lines.append(f"{name:<21} {rate.value:6.1%} ({rate.low:.1%} to {rate.high:.1%}), n = {rate.n}{mark}")
        lines.append(f"gradients per sample: {result.gradient_calls}")
    if result.out is not None:
        lines.append(f"per sample: {result.out}")
    return Outcome(result, lines, problems=[f"warning: {text}" for text in result.warnings])


entry = attack
