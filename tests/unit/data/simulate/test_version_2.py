"""Version 2 of the simulator is pinned as version 1 is. `PYTHONPATH=. python THIS_FILE` writes the values."""

from __future__ import annotations

from pathlib import Path

from tests.pinned_captures import PinnedVersion, site_captures, store


class TestVersion2(PinnedVersion):
    version = 2
    stored_in = Path(__file__).with_name("version_2.json")


if __name__ == "__main__":
    store(site_captures(2), TestVersion2.stored_in)
