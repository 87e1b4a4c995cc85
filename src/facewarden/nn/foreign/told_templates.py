"""Templates of models that no file describes: a Python callable, and a service behind a URL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from facewarden.core.card import FILL_IN
from facewarden.core.errors import BadInputError
from facewarden.nn.foreign.python_card import NEEDED
from facewarden.nn.foreign.template import ROLES, Template


def python_template(file: Path, name: str, *, role: str) -> Template:
    """The template of the card of FILE.py:NAME; nothing of the file is run.

    Args:
        file: the Python file.
        name: of the class, function or object in it.
        role: "detector", "recognizer" or "purifier".

    Raises:
        BadInputError: no such file.
    """
    if not file.is_file():
        raise BadInputError(f"{file}: no such file", hint="FILE.py:NAME")
    settings: dict[str, Any] = {word: f"{FILL_IN}: {text}" for word, text in NEEDED[ROLES[role]].items()}
    settings["order"] = f"{FILL_IN}: RGB or BGR"
    settings["range"] = f"{FILL_IN}: 255 if mean and std count gray levels, 1 if they are in units of 0..1"
    if role == "detector":
        settings["bona_fide"] = f"{FILL_IN}: index of the class of bona fide, or remove this line for a single value"
    card = {
        "name": name,
        "summary": f"{FILL_IN}: one sentence that says what it is",
        "role": ROLES[role],
        "licence": "unknown",
        "source": "",
        "training_data": "unstated",
        "intended_use": "",
        "limits": "",
        "settings": settings,
    }
    return Template(card, role, (f"nothing of {file.name} was run",))


def service_template(url: str) -> Template:
    """The template of the settings of a service; `http_detector:FILE.json` reads it.

    Args:
        url: of the endpoint.
    """
    card = {
        "url": url,
        "modalities": ["rgb"],
        "output": f"{FILL_IN}: logit or probability, of bona fide",
        "invert": False,
        "needs_box": False,
        "remote": False,
        "batch": 16,
        "timeout": 10,
        "retries": 2,
        "pause": 0.2,
    }
    return Template(card, "detector", ("the service was not asked", "use it as http_detector:FILE.json"))
