"""Tables of the simulator's page, from the sites and encodings themselves: python tests/site_tables.py --write."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from facewarden.data.simulate.sensor.depth_pictures import DEPTH_PICTURES, SEALED_DEPTH_PICTURE
from facewarden.data.simulate.sensor.sites import dev_sites

PAGE = Path(__file__).parent.parent / "docs" / "simulator.md"


def sites(version: int) -> list[str]:
    """A row for each site of a version: the level of every factor."""
    names = [name for name in dev_sites(version)[0].factors if name != "half"]
    head = ["| site | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    rows = [
        f"| `{site.name}` | " + " | ".join(site.factors[name] for name in names) + " |" for site in dev_sites(version)
    ]
    return head + rows


def encodings() -> list[str]:
    """A row for each encoding of depth, with what is known of it."""
    head = ["| encoding | background | scaled by | near is | holes | JPEG | what is known |", "|---" * 7 + "|"]
    rows = []
    for name, how in DEPTH_PICTURES.items():
        sealed = " (sealed sites alone)" if name == SEALED_DEPTH_PICTURE else ""
        parts = (how.background, how.scale, how.near, how.holes, str(how.jpeg or "no"), how.source)
        rows.append(f"| `{name}`{sealed} | " + " | ".join(parts) + " |")
    return head + rows


TABLES: Mapping[str, Callable[[], list[str]]] = {
    "sites": partial(sites, 2), "sites of version 3": partial(sites, 3), "encodings": encodings,
}  # fmt: skip


def filled(text: str) -> str:
    """The page with its tables as they should be, each between two comments that name it."""
    for name, lines in TABLES.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = before + begin + "\n".join(lines()) + "\n" + end + after
    return text


def main() -> None:
    """Write the tables, or say whether they are current."""
    text = PAGE.read_text(encoding="utf-8")
    if "--write" in sys.argv[1:]:
        PAGE.write_text(filled(text), encoding="utf-8")
    sys.stdout.write("current\n" if filled(text) == text else "not current\n")


if __name__ == "__main__":
    main()
