"""Attack a detector's decisions within a budget and report how many flip."""

from __future__ import annotations

from facewarden.evaluation.transfer_matrix import Transferred
from facewarden.verbs.attack import Attacked, attack


def show(result: Attacked | Transferred) -> int:
    """Print success rates with intervals."""
    for reason, count in result.skipped.items():
        print(f"skipped {count}: {reason}")
    mark = " (simulated)" if result.simulated else ""
    if isinstance(result, Transferred):
        width = max(len(name) for pair in result.rates for name in pair)
        for (source, victim), found in result.rates.items():
            words = "no sample that both decide correctly"
            if found is not None:
                words = f"{found.value:6.1%} ({found.low:.1%} to {found.high:.1%}), n = {found.n}{mark}"
            print(f"{source:<{width}} -> {victim:<{width}} {words}")
    else:
        for name, rate in result.rates.items():
            print(f"{name:<21} {rate.value:6.1%} ({rate.low:.1%} to {rate.high:.1%}), n = {rate.n}{mark}")
        print(f"gradients per sample: {result.gradient_calls}")
    if result.out is not None:
        print(f"per sample: {result.out}")
    return 0


entry = attack
