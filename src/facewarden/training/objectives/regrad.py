"""ReGrad: the slower sensor leads, the faster one adds only what does not fight it, as far as it is certain."""

from __future__ import annotations

from facewarden.training.objectives.parts.rebalanced import RebalancedObjective


class Regrad(RebalancedObjective):
    """Cross-entropy plus prototype losses whose gradients are rebalanced; arguments as of `RebalancedObjective`.

    Source: Lin et al., CVPR 2024, equation 5.
    """


entry = Regrad
