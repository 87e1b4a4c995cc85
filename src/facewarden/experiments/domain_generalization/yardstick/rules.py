"""Rules by which a simulated set is accepted as a benchmark, fixed before any figure of version 2 was seen.

Nothing here is tuned to a result. A change of this file is a change of the test and is named on its page.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from facewarden.core.labels import species_group

WEIGHTS: Mapping[str, float] = MappingProxyType({"prints": 0.25, "replays": 0.25, "masks": 0.25, "partial": 0.25})
"""Species groups and their weights in the main mean."""

APART = ("partial_makeup",)
"""Species of no group, reported by themselves: make-up covers a living face, and no sensor here is told to see it."""

FLOORS = (
    "chance",
    "thumbnail_8",
    "thumbnail_24",
    "thumbnail_48",
    "texture_ridge",
    "statistics_ridge",
    "plane_ridge",
    "thumbnail_neighbors",
)
"""Floors, in the order of the table: what a linear model or nearest neighbors do without training by gradient."""

TRUNK_FLOORS = ("trunk_picture", "trunk_canonical")
"""Frozen features with a ridge, depth as a picture and in canonical form: shown beside the floors, not one of them."""

GAP = 0.10
"""The upper end of the best floor's AUC lies at least this far under the ceiling's value, in every group."""

CEILING = 0.97
"""The ceiling's AUC in every group: the value, not the upper end of its interval."""

CROSSING = 0.05
"""Frozen features of unseen domains: the upper end of their main mean lies at least this far under the same features
fitted in-domain, whose main mean is at least `CEILING`."""

RANKING, RANKED = 0.8, 8
"""Spearman correlation of the ranking of methods on one half of the domains with that on the other, and how many
methods that takes at least. It is decided when that many trained methods have been measured; the floors' own
correlation is printed, and decides nothing."""

HOLDING_OUT = 5
"""Parts into which the people of the tested domains are divided for the in-domain fit: three train, one chooses the
strength of the ridge and the threshold, one is tested, in turn."""

FEWEST = 5
"""Attacks of a group that a domain must have, and bona fide captures, to count for the group."""

ROUNDS = 400
"""Resamples of domains, and of people within each."""

STRENGTHS = (1e-1, 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6)
"""Ridge strengths on standardized features, of which the sources' dev chooses by AUC; the larger of equal ones."""


def group_of(species: str) -> str | None:
    """The group of a species; None for bona fide and for what is reported apart.

    >>> group_of("print_cutout"), group_of("partial_glasses"), group_of("partial_makeup"), group_of("bona_fide")
    ('prints', 'partial', None, None)
    """
    return None if species in APART else species_group(species)
