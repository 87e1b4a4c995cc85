"""Attack a detector's decisions within a budget and report how many flip."""

from __future__ import annotations

from facewarden.bench.attack import Attacked, attack


def show(result: Attacked) -> int:
    """Print success rates with intervals."""
    for reason, count in result.skipped.items():
        print(f"skipped {count}: {reason}")
    mark = " (simulated)" if result.simulated else ""
    for name, rate in result.rates.items():
        print(f"{name:<21} {rate.value:6.1%} ({rate.low:.1%} to {rate.high:.1%}), n = {rate.n}{mark}")
    print(f"gradients per sample: {result.gradient_calls}")
    if result.out is not None:
        print(f"per sample: {result.out}")
    return 0


entry = attack
