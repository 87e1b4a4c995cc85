"""Whether the stated licence of weights lets a copy of them be given to others in another format."""

from __future__ import annotations

import re

from facewarden.core.card import Card
from facewarden.core.errors import BadInputError

_PERMITS = re.compile(r"apache-2|apache 2|\bmit\b|\bbsd\b|\bbsd-|\bcc0\b|public domain|\bisc\b|cc-by-4|cc-by-3", re.I)
_FORBIDS = re.compile(
    r"unknown|unstated|non-?commercial|research (use|only)|for research|formal licence|\b-?n[cd]\b|proprietary"
    r"|that of the service|trunk's own",
    re.I,
)


def check_licence(card: Card) -> str:
    """The licence of a model, where it permits a copy in another format.

    Args:
        card: of the model.

    Raises:
        BadInputError: it does not, or nobody states one.
    """
    text = card.licence.strip()
    if not text or _FORBIDS.search(text) or not _PERMITS.search(text):
        raise BadInputError(
            f"{card.name}: its licence does not say that its weights may be passed on: {text or 'none is stated'}",
            hint='if you know it, state it in the card of your weights: "licence": "Apache-2.0"',
        )
    return text
