"""Train the generators with which SFA moves where attacks on a detector read their gradients."""

from __future__ import annotations

from facewarden.verbs.sfa import SfaTrained, sfa


def show(result: SfaTrained) -> int:
    """Print the loss of every epoch and where the generators are."""
    for number, line in enumerate(result.log, start=1):
        print(f"epoch {number}: loss {line['loss']:.4f}, map at {line['size']:.0%} of its cap")
    print(f"generators: {result.out} (use them with facewarden attack --sfa {result.out})")
    return 0


entry = sfa
