"""Ids of the shipped plans' cells: a run that was begun before resumes, so that another id must be meant."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from facewarden.core.registry import load
from facewarden.experiments.engine.executor import cell_keys
from facewarden.experiments.engine.plan_file import read_plan, shipped_plans

GOLDEN = {
    "adversarial_color": (162, "f4143a98f92e4be1"),
    "adversarial_training": (132, "dbdadb185709046b"),
    "amplification": (2, "30824d80854eb9fd"),
    "backbone_selection": (72, "3369f3749eee9941"),
    "cloaking_lfw": (159, "a899702e1a7a3143"),
    "cloaking_lfw_judges": (19, "79b07fb9a7d095d9"),
    "cloaking_lfw_main": (37, "588e271d2b7cd454"),
    "cloaking_lfw_more": (132, "d6a06c25c907a373"),
    "cloaking_london": (11, "4796c7b090b92e45"),
    "cloaking_orl": (11, "3dba1513ddf6a351"),
    "cloaking_scrapshots": (11, "468ba579d4095153"),
    "cloaks_two": (74, "d07297ae576cc56c"),
    "cloaks_two_whole": (6, "95c29e918682c00b"),
    "color_shipped": (15, "cd0e3a94197815f7"),
    "fine_grained": (169, "b273102bb1fd6685"),
    "fine_grained_heads": (16, "9179f3ae98ca0f9a"),
    "fine_grained_light": (36, "e0115f6028f16f8b"),
    "fine_grained_real": (21, "244f931f84d6f0c5"),
    "fine_grained_shipped": (10, "c825c62077716c11"),
    "floors_published": (56, "4a90f64dc2c255f8"),
    "floors_simulated": (32, "4f4fe395d665eb3f"),
    "frozen_simulated": (16, "3ba556cdc6ae47be"),
    "mmdg_domains": (108, "24efde60499489e5"),
    "mmdg_published": (156, "78b0c8afe21b8fe8"),
    "mmdg_simulated": (184, "8c43549a9614b625"),
    "mmdg_tuning": (28, "626fbdceadce2b67"),
    "poisoned_training": (36, "db019c59d2cb8b80"),
    "presentation_smoke": (8, "c212e06c675290c4"),
    "purifier_families": (34, "9dcd55514b334150"),
    "purifier_two": (37, "6a8fd25f39a88712"),
    "purifier_two_broad": (35, "624cb47d9f8d0738"),
    "purifier_two_choice": (23, "5395d211838a434d"),
    "purifier_two_rest": (17, "76ab503ab7afd2cd"),
    "purifier_two_warps": (37, "e2caadb26c215c6f"),
    "regrad_control": (30, "7790ebf8c2ca29a6"),
    "rivals_simulated": (182, "86246f90d389ecaa"),
    "sfa_senses": (55, "061772b3b2633bc2"),
    "uncertainty_simulated": (6, "33d31647e0d14495"),
    "yardstick": (40, "db7b2c7c973f4ccf"),
}
"""Plan -> number of cells and a hash of their names and ids, with version 1 of every kind's code, as fa3ff7e has them.

Weights of the package that a cell holds by their hash are part of it, and so is the card of a purifier: the plans named
cloaking_... have the ids of fa3ff7e but for the card of puface: its detector of cloaks was fitted again and tells
kinds, and its intervals are of the method in use. mmdg_published has the released forms of the baselines and the view
of their code since version 0.2; the floors are new. Cells of cloaks_two with one mask for a person say that probes do
not make it. The plans on 24 sites have captures of version 3, rivals_simulated 40 people a site and rows of color
alone, and yardstick one more ceiling. Those of purifier_two_... say which kinds of cloaks
puface_gated treated when they ran, and by which step.
adversarial_color has the recipe of the shipped color_cnn; it, sfa_senses and poisoned_training were planned anew before
any cell of them ran.
"""


def test_every_shipped_plan_is_pinned() -> None:
    assert set(GOLDEN) == set(shipped_plans())


@pytest.mark.parametrize("name", GOLDEN)
def test_cells_of_a_shipped_plan_keep_their_ids(name: str) -> None:
    plan = read_plan(name)
    keys = cell_keys(load("plans", plan.kind)().cells(plan.settings, root=Path("run")), plan.kind)
    text = "\n".join(f"{cell} {key}" for cell, key in keys.items())
    assert (len(keys), hashlib.blake2b(text.encode(), digest_size=8).hexdigest()) == GOLDEN[name]
