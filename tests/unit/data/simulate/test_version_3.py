"""Version 3 of the simulator is pinned as version 2 is. `PYTHONPATH=. python THIS_FILE` writes the values."""

from __future__ import annotations

from pathlib import Path

from tests.pinned_captures import PinnedVersion, site_captures, store


class TestVersion3(PinnedVersion):
    version = 3
    stored_in = Path(__file__).with_name("version_3.json")


if __name__ == "__main__":
    store(site_captures(3), TestVersion3.stored_in)
