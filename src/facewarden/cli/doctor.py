"""Check this machine: torch build, devices, extras, assets and folders; what is ready, and how to fix the rest."""

from __future__ import annotations

from facewarden.cli.parts.outcome import Outcome


def doctor(*, limits: bool = False) -> Outcome:
    """Check the machine; exit code 1 when something is wrong.

    Args:
        limits: list the limits on what is read from outside instead, and the variables that raise them.
    """
    from facewarden.verbs.doctor import doctor as run

    diagnosis = run(limits=limits)
    if limits:
        lines = [
            f"{one.name:<16} {one.value:>13,.0f} {one.unit:<10}  {one.about}; {one.variable}"
            for one in diagnosis.limits
        ]
        return Outcome(diagnosis, lines)
    width = max(len(finding.name) for finding in diagnosis.findings)
    lines = [
        f"{finding.state:<7} {finding.name:<{width}}  {finding.seen}" + (f"  -> {finding.fix}" if finding.fix else "")
        for finding in diagnosis.findings
    ]
    return Outcome(diagnosis, lines, 0 if diagnosis.healthy else 1)


entry = doctor
