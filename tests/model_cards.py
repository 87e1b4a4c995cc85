"""The page of model cards, from the cards of shipped weights and public parts: python tests/model_cards.py --write."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from facewarden.assets import known
from facewarden.core.artifact import CARD, RULE
from facewarden.core.card import Card
from facewarden.core.decision import DecisionRule

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "model-cards.md"
WEIGHTS = ROOT / "src" / "facewarden" / "weights"
HEAD = """\
# Model cards

Written by `python tests/model_cards.py --write` from the cards of the shipped weights and from the
facts of the parts that `facewarden fetch` brings; a test compares them. Figures on cards that come
from simulated captures say *simulated*; none of them tells how a model does on real ones.
"""


def page() -> str:
    """The page."""
    lines = [HEAD, "## Weights in the package", ""]
    for path in sorted(WEIGHTS.glob(f"*/{CARD}")):
        lines += _shipped(path.parent)
    lines += ["## Public parts", "", "Fetched, pinned by hash, and never part of the package.", ""]
    for asset in known():
        lines += [f"### {asset.name}", "", *_fact("Licence, as stated", asset.licence), *_fact("Source", asset.source),
                  *_fact("Origin", asset.origin), *_fact("Use", asset.use), ""]  # fmt: skip
    return "\n".join(lines).rstrip() + "\n"


def _shipped(folder: Path) -> Iterator[str]:
    card = Card.read(folder / CARD)
    yield from (f"### {folder.name}", "", *_wrapped(card.summary.rstrip(".") + "."), "")
    yield from _fact("Role", card.role)
    yield from _fact("Licence", card.licence)
    yield from _fact("Source", card.source)
    yield from _fact("Training data", card.training_data)
    yield from _fact("Intended use", card.intended_use)
    yield from _fact("Limits", card.limits)
    if (folder / RULE).is_file():
        rule = DecisionRule.read(folder / RULE)
        text = f"score at least {rule.threshold:.4f} ({rule.policy} on {rule.split}, {rule.n_bona_fide} bona fide and "
        yield from _fact("Decision rule", f"{text}{rule.n_attack} attacks of {rule.source})")
    for name, digest in sorted(card.sha256.items()):
        yield from _fact("Hash", f"`{name}` {digest[:16]}")
    yield ""


def _fact(what: str, text: str) -> Iterator[str]:
    if text:
        yield from _wrapped(f"- **{what}:** {' '.join(text.split())}", indent="  ")


def _wrapped(text: str, *, indent: str = "") -> list[str]:
    return textwrap.wrap(text, 98, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        PAGE.write_text(page(), encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != page():
        sys.exit(f"{json.dumps(str(PAGE.name))} is not current: python tests/model_cards.py --write")
