"""Check this machine: torch build, devices, extras, assets and folders; what is ready, and how to fix the rest."""

from __future__ import annotations

from facewarden.cli.parts.outcome import Outcome


def doctor() -> Outcome:
    """Check the machine; exit code 1 when something is wrong."""
    from facewarden.verbs.doctor import doctor as run

    diagnosis = run()
    width = max(len(finding.name) for finding in diagnosis.findings)
    lines = [
        f"{finding.state:<7} {finding.name:<{width}}  {finding.seen}" + (f"  -> {finding.fix}" if finding.fix else "")
        for finding in diagnosis.findings
    ]
    return Outcome(diagnosis, lines, 0 if diagnosis.healthy else 1)


entry = doctor
