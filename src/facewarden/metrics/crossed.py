"""Means over domains and training seeds, where both are draws from many: a two-way random-effects model.

A figure is measured on every domain after training from every seed, so domains and seeds are crossed. Two presentations
at one site are more alike than those at two, and people belong to one domain: what the people of a domain add to its
figure is part of the variation between domains. An interval that draws people alone says how well these domains are
known; this one says what to expect of further domains.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from facewarden.core.errors import BadInputError
from facewarden.metrics.checked import Floats
from facewarden.metrics.intervals import Interval
from facewarden.metrics.over_runs import t_quantile

CROSSED = "random effects of domains and seeds"


@dataclass(frozen=True)
class CrossedMean:
    """The mean of a table of domains by seeds.

    Attributes:
        value: the mean.
        error: its standard error over further domains and seeds.
        freedom: degrees of freedom of the error (Satterthwaite).
        between_domains, between_seeds: standard deviations of the two effects; a negative estimate counts as 0.
        rest: standard deviation of what neither explains, the figure of one domain after one training.
        domains, seeds: how many.
    """

    value: float
    error: float
    freedom: float
    between_domains: float
    between_seeds: float
    rest: float
    domains: int
    seeds: int

    def interval(self, *, confidence: float = 0.95, proportion: bool = False) -> Interval:
        """Student's t interval of the mean.

        Args:
            confidence: of the two-sided interval.
            proportion: whether the figure lies in [0, 1], where the ends are cut.
        """
        half = t_quantile(self.freedom, confidence=confidence) * self.error
        low, high = self.value - half, self.value + half
        if proportion:
            low, high = max(0.0, low), min(1.0, high)
        return Interval(self.value, low, high, n=self.domains * self.seeds, method=CROSSED)

    def p_value(self) -> float:
        """Two-sided p value of the mean being 0; 0 where every domain and seed gives the same other value."""
        if self.error == 0:
            return 1.0 if self.value == 0 else 0.0
        from scipy.stats import t

        return float(2 * t.sf(abs(self.value) / self.error, self.freedom))


def crossed_mean(table: Floats) -> CrossedMean:
    """Estimate the mean over domains and seeds and how far it may be from the mean over all of them.

    With mean squares of domains, seeds and rest, MS_d, MS_s and MS_r, the variance of the mean of a balanced table of
    D x S is (MS_d + MS_s - MS_r) / (D S), and never below MS_d / (D S), the variance where seeds have no effect. Its
    degrees of freedom are those of Satterthwaite's approximation, at most D - 1. With one seed the variation
    between seeds is unknown and not in the interval.

    Args:
        table: (domains, seeds) a figure, or a paired difference of two methods on the same domains and seeds.

    Raises:
        BadInputError: fewer than two domains, no seed, or a value that is no number.

    Source: Searle, Casella and McCulloch, Variance Components, 1992, chapter 4 (two-way crossed, one value a cell);
    Satterthwaite, Biometrics Bulletin 2, 1946.

    >>> found = crossed_mean(np.array([[0.10], [0.20], [0.30]]))
    >>> round(found.value, 2), round(found.error, 4), found.freedom
    (0.2, 0.0577, 2.0)
    """
    values = np.asarray(table, np.float64)
    if values.ndim != 2 or values.shape[0] < 2 or values.shape[1] < 1:
        raise BadInputError(f"a table of shape {values.shape} has no spread", hint="(domains, seeds), two domains")
    if not np.isfinite(values).all():
        raise BadInputError("a figure of a domain is no number", hint="leave out domains without one of the classes")
    domains, seeds = values.shape
    mean = float(values.mean())
    by_domain, by_seed = values.mean(axis=1), values.mean(axis=0)
    of_domains = seeds * float(((by_domain - mean) ** 2).sum()) / (domains - 1)
    if seeds == 1:
        spread = math.sqrt(of_domains)
        return CrossedMean(mean, spread / math.sqrt(domains), float(domains - 1), spread, 0.0, 0.0, domains, 1)
    of_seeds = domains * float(((by_seed - mean) ** 2).sum()) / (seeds - 1)
    apart = values - by_domain[:, None] - by_seed[None] + mean
    of_rest = float((apart**2).sum()) / ((domains - 1) * (seeds - 1))
    total = max(of_domains + of_seeds - of_rest, of_domains)
    return CrossedMean(
        value=mean,
        error=math.sqrt(total / values.size),
        freedom=_freedom(of_domains, of_seeds, of_rest, domains=domains, seeds=seeds),
        between_domains=math.sqrt(max(0.0, of_domains - of_rest) / seeds),
        between_seeds=math.sqrt(max(0.0, of_seeds - of_rest) / domains),
        rest=math.sqrt(of_rest),
        domains=domains,
        seeds=seeds,
    )


def _freedom(of_domains: float, of_seeds: float, of_rest: float, *, domains: int, seeds: int) -> float:
    """Satterthwaite's degrees of freedom of the sum; of the domains' alone where seeds show no effect of their own."""
    total = of_domains + of_seeds - of_rest
    if of_seeds <= of_rest or total <= 0:
        return float(domains - 1)
    parts = of_domains**2 / (domains - 1) + of_seeds**2 / (seeds - 1) + of_rest**2 / ((domains - 1) * (seeds - 1))
    return min(float(domains - 1), max(1.0, total**2 / parts))


def domains_needed(spread: float, *, difference: int | float, power: float = 0.8, confidence: float = 0.95) -> int:
    """How many domains show a paired difference, by a two-sided t test over domains.

    Args:
        spread: standard deviation over domains of the paired difference, seeds averaged.
        difference: the true difference, in the same unit.
        power: probability that the interval is clear of zero.
        confidence: of the interval.

    Raises:
        BadInputError: a spread or difference that is not positive, or a power outside 0 to 1.

    >>> domains_needed(5.1, difference=2.0)
    53
    """
    if not (spread > 0 and difference > 0 and 0 < power < 1):
        raise BadInputError(
            f"spread {spread}, difference {difference}, power {power}", hint="spread and difference above 0, power 0.8"
        )
    from scipy.stats import nct

    count = 2
    while True:
        edge = t_quantile(count - 1, confidence=confidence)
        shift = difference / spread * math.sqrt(count)
        if float(nct.sf(edge, count - 1, shift)) >= power:
            return count
        count += 1 if count < 200 else count // 50
