"""Settings of a plan of kind `presentation` as they are written: data, methods as training recipes, and protocols."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le, MinLen

from facewarden.core.labels import MODALITIES, Modality
from facewarden.core.settings import Count, SettingError, Share, Text, Whole, WrittenAs
from facewarden.data.simulate.specification import SeededCaptures
from facewarden.experiments.engine.plan_settings import Names, Seeds
from facewarden.experiments.engine.recipe_changes import ABSENT, RecipeChanges

Kept = Literal["none", "float16", "float32"]
"""How streams of a frozen trunk are kept."""


@dataclass(frozen=True)
class DataSettings:
    """Captures of a plan, one of both.

    Attributes:
        simulate: arguments of the simulator.
        captures: NAME:PATH or manifests.
    """

    simulate: Annotated[Mapping[str, Any], WrittenAs(SeededCaptures)] | None = None
    captures: Names | None = None

    def __post_init__(self) -> None:
        if (self.simulate is None) == (self.captures is None):
            raise SettingError("allowed: one of simulate and captures", hint="data: {simulate: {subjects: 40}}")


TUNED = 4
"""Settings of a method among which a plan may choose: with more the choice itself would be a method."""


@dataclass(frozen=True)
class TuningSettings:
    """How a plan chooses among the settings of a method.

    Attributes:
        figure: by which, on the held-out sites: the higher mean AUC, or the lower mean HTER at the threshold of the
            other sources' dev; the earlier setting of equal ones.
        sites: how many of the sources are held out, at even distances in the order of their names.
        seed: of these trainings.
    """

    figure: Literal["auc", "hter"] = "auc"
    sites: Count = 1
    seed: Whole = 0


@dataclass(frozen=True)
class SealedSettings:
    """The sealed part of a plan: sites that are made after everything was frozen, see `facewarden.unseal`.

    Attributes:
        ours: the method that is compared.
        rivals: the methods that it may lose to.
        always: rivals that are compared whatever the dev part says.
        rule: `best_on_dev` compares with the rival that is best on the plan's own targets, besides `always`; `holm`
            with every rival, corrected for their number.
        figure: by which the best one is chosen, and which must be clear of zero.
        protocols: of the plan; weights are those that were trained under each.
        subjects, captures_per_subject, size, species: as of `facewarden simulate`; sites are those of the seed.
        sites: how many of the seed's 24 sites.
    """

    ours: Text
    rivals: Names
    protocols: Names
    always: tuple[Text, ...] = ()
    rule: Literal["best_on_dev", "holm"] = "best_on_dev"
    figure: Literal["auc", "hter"] = "auc"
    subjects: Count = 960
    captures_per_subject: Count = 4
    size: Annotated[int, Ge(64), Le(2048)] = 112
    species: tuple[Text, ...] = ()
    sites: Annotated[int, Ge(2), Le(24)] = 24

    @property
    def methods(self) -> tuple[str, ...]:
        """All that are compared."""
        return tuple(dict.fromkeys((self.ours, *self.always, *self.rivals)))


@dataclass(frozen=True)
class BudgetSettings:
    """One budget of trained parameters for methods that are compared; a plan whose methods miss it does not start.

    Attributes:
        parameters: how many.
        within: largest deviation, as a share.
        methods: of the plan.
    """

    parameters: Count
    methods: Names
    within: Share = 0.1


@dataclass(frozen=True)
class BalanceSettings:
    """Whether one sensor holds others back in joint training, and what rebalancing does about it.

    Every cell of the plan then also has a linear probe of each sensor's class token.

    Attributes:
        sensor: the dominant one.
        joint: the method that is trained jointly by the plain sum of its losses.
        alone: sensor -> the method that is trained on that sensor alone; of all three.
        cue: share of the sources' captures in which a corner of the dominant sensor shows the class; at the target it
            tells nothing. 0 for captures as they are.
        margin: how far the probe of another sensor must be under its unimodal training for the control to be valid.
        blind: AUC of the dominant sensor alone, on the sources' dev, up to which it cannot see a species.
    """

    sensor: Modality
    joint: Text
    alone: Mapping[Modality, Text]
    cue: Share = 0.0
    margin: Share = 0.05
    blind: Share = 0.65


@dataclass(frozen=True)
class MethodSettings(RecipeChanges):
    """A method: a training recipe and what differs from it.

    Attributes:
        like: another method of the plan, whose settings are taken over.
        recipe: of the package, or a JSON file.
        tune: up to 4 further changes, of which a fold of the sources chooses one for each protocol, see `tuning`.
        shuffle: train on labels that are permuted within each source.
        only: the sensors that it is given.
        label: what tables call it.
    """

    like: Text = ABSENT
    recipe: Text = ABSENT
    tune: tuple[Annotated[Mapping[str, Any], WrittenAs(RecipeChanges)], ...] = ()
    shuffle: bool = False
    only: Annotated[tuple[Modality, ...], MinLen(1)] = MODALITIES
    label: Text = ABSENT


@dataclass(frozen=True)
class PartSettings:
    """A section of the summary.

    Attributes:
        title, note: for the reader.
        methods, protocols: what is run.
        seeds: by default the plan's.
        baseline: the method that the others are compared with.
        check: "chance" where every method here must be one that learned nothing; "dev" where methods are chosen by
            the sources' dev, and nothing of the target is shown.
    """

    title: Text
    methods: Names
    protocols: Names
    baseline: Text | None = None
    seeds: Seeds | None = None
    check: Literal["chance", "dev"] | None = None
    note: str = ""


@dataclass(frozen=True)
class PresentationSettings:
    """A plan of kind `presentation`, as it is written.

    Attributes:
        data: simulated or published captures.
        methods: by name.
        parts: in their order.
        title: of the summary.
        seeds: of the trainings.
        defaults: parts of every recipe.
        whole_target: test on all rows of a target.
        scored_epochs: whether dev and target are scored after every epoch or after the last one.
        missing: also score without depth, infrared and both.
        degraded: also score with each sensor out of register, saturated and frozen.
        tuning: how settings of methods that have several are chosen.
        sealed: the sealed part; the cells that it needs then keep their weights.
        activations: keep what a frozen trunk makes of every view in front of the first block that methods change
            (`first_block`), as numbers of so many bits: trainings with `views: sensor` and no margin then read it.
            `float32` gives the numbers of an uncached training up to rounding, `float16` takes half the disk.
        budget: how many parameters its methods train.
        balance: ask whether sensors hold each other back.
        published: methods of the plan -> methods of the published table whose order theirs is compared with: ViT,
            CMFL, AMA, VP-FAS, MMDG, DADM.
    """

    data: Annotated[Mapping[str, Any], WrittenAs(DataSettings)]
    methods: Annotated[Mapping[str, Annotated[Mapping[str, Any], WrittenAs(MethodSettings)]], MinLen(1)]
    parts: Annotated[tuple[PartSettings, ...], MinLen(1)]
    title: Text = "Presentation attack detection on unseen domains"
    seeds: Seeds = (0, 1, 2)
    defaults: Annotated[Mapping[str, Any], WrittenAs(RecipeChanges)] = field(default_factory=dict)
    whole_target: bool = False
    scored_epochs: Literal["every", "last"] = "every"
    missing: bool = True
    degraded: bool = False
    tuning: TuningSettings = TuningSettings()
    sealed: SealedSettings | None = None
    activations: Kept = "none"
    budget: BudgetSettings | None = None
    balance: BalanceSettings | None = None
    published: Mapping[Text, Literal["ViT", "CMFL", "AMA", "VP-FAS", "MMDG", "DADM"]] = field(default_factory=dict)
