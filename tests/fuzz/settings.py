"""Plans, cards, recipes, reports and the like of the fuzz corpus: shipped files, changed in one or a few places."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from fuzz.case import DAMAGES, Family, FuzzInput, Wants, command_line, damaged, one

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "facewarden"
DEEP: Any = "a"
for _ in range(90):
    DEEP = [DEEP]
VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**63,
    10**399,
    -(10**399),
    0.5,
    -0.5,
    1e308,
    5e-324,
    "",
    "x",
    "1",
    "true",
    "nan",
    "a\x00b",
    "\x1b[2J",
    "\u202e",
    "x" * 5000,
    "/",
    "../..",
    "a:b",
    [],
    [[]],
    {},
    {"a": 1},
    [1, "a", None],
    DEEP,
    "FILL IN",
    {"": ""},
    {"a": {"b": {"c": []}}},
    [0] * 5000,
    "\ud800",
]


def changed(rng: np.random.Generator, values: Any) -> Any:
    """Plain values with one to three places replaced, removed, doubled or of another type."""
    values = json.loads(json.dumps(values))
    for _ in range(int(rng.integers(1, 4))):
        holder, key = _place(rng, values)
        if holder is None:
            return _value(rng)
        now, how = holder[key], int(rng.integers(5))
        if how == 0:
            holder.pop(key)
        elif how == 1 and isinstance(now, int | float):
            holder[key] = one(rng, [str(now), -now, now * 1000, [now]])
        elif how == 1:
            holder[key] = [now] if isinstance(now, dict) else {"a": now}
        else:
            holder[key] = _value(rng)
    return values


def _value(rng: np.random.Generator) -> Any:
    return json.loads(json.dumps(one(rng, VALUES)))  # a copy, which the next change may change


def _place(rng: np.random.Generator, values: Any) -> tuple[Any, Any]:
    places = []
    todo = [values]
    while todo:
        holder = todo.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder)) if isinstance(holder, list) else []
        places += [(holder, key) for key in keys]
        todo += [holder[key] for key in keys]
    return one(rng, places) if places else (None, None)


def json_text(rng: np.random.Generator, values: Mapping[str, Any]) -> tuple[bytes, Wants]:
    """A JSON file of such values, damaged in its text."""
    text = json.dumps(values)
    first = next(iter(values))
    how = one(rng, [*DAMAGES, "twice", "nan", "deep", "digits", "utf16", "bom", "after", "unknown", "empty", "long"])
    if how in DAMAGES:
        return damaged(rng, text.encode(), how), "any"
    texts: dict[str, bytes] = {
        "twice": f'{{"{first}": {json.dumps(values[first])}, {text[1:]}'.encode(),
        "nan": f'{{"zzz": {one(rng, ["NaN", "Infinity", "-Infinity"])}, {text[1:]}'.encode(),
        "deep": b'{"zzz": ' + b"[" * one(rng, [200, 5000, 200_000]) + b"}",
        "digits": f'{{"zzz": {"9" * one(rng, [400, 5000, 100_000])}, {text[1:]}'.encode(),
        "utf16": text.encode("utf-16"),
        "bom": b"\xef\xbb\xbf" + text.encode(),
        "after": text.encode() + b"}",
        "unknown": f'{{"zzz": 1, {text[1:]}'.encode(),
        "empty": one(rng, [b"", b" ", b"null", b"[]", b"1", b'"a"', b"{}"]),
        "long": b'{"zzz": "' + b"x" * 17 * 2**20 + b'"}',
    }
    return texts[how], "any" if how == "bom" else "refused"


def _foreign_card() -> dict[str, Any]:
    settings = {"size": 80, "scale": 2.7, "border": "inside", "order": "BGR", "mean": 0, "std": 1, "bona_fide": 1}
    return {"name": "a", "summary": "b", "role": "pad", "settings": settings}


def _read_service(path: Path) -> None:
    from facewarden.pad.http_detector import HttpDetector

    HttpDetector(path)


def _read_recipe(path: Path) -> None:
    from facewarden.training.purifier_recipe import is_purifier_recipe, read_purifier_recipe
    from facewarden.training.recipe import read_recipe

    read_purifier_recipe(str(path)) if is_purifier_recipe(str(path)) else read_recipe(str(path))


def _read_distillation(path: Path) -> None:
    from facewarden.verbs.distill import read_distill_recipe

    read_distill_recipe(str(path))


def _read_card(path: Path) -> None:
    from facewarden.core.card import Card
    from facewarden.nn.foreign.settings import DetectorSettings, read_card

    read_card(DetectorSettings, Card.read(path), role="pad", source=str(path))


def _read_rule(path: Path) -> None:
    from facewarden.core.decision import DecisionRule

    DecisionRule.read(path).accepts(0.0)


def _read_report(path: Path) -> None:
    command_line("report", str(path), "--out", str(path.with_name("page")))


def _shipped(folder: Path) -> list[Any]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]


SERVICE = {"url": "http://127.0.0.1:1/score", "modalities": ["rgb"], "output": "probability", "batch": 8, "timeout": 1}
RULE = {
    "threshold": 1.2,
    "policy": "eer",
    "split": "dev",
    "source": "x",
    "n_bona_fide": 9,
    "n_attack": 9,
    "oracle": False,
}
JSON_KINDS: dict[str, tuple[Callable[[], list[Any]], Callable[[Path], None]]] = {
    "card": (lambda: [_foreign_card()], _read_card),
    "recipe": (lambda: _shipped(PACKAGE / "training" / "recipes"), _read_recipe),
    "distillation": (lambda: _shipped(PACKAGE / "training" / "distill" / "recipes"), _read_distillation),
    "service": (lambda: [SERVICE], _read_service),
    "decision rule": (lambda: [RULE], _read_rule),
    "report": (lambda: _shipped(ROOT / "docs" / "results" / "audit_default"), _read_report),
}


def _json_input(kind: str, how: str, rng: np.random.Generator, folder: Path) -> FuzzInput:
    files, read = JSON_KINDS[kind]
    values, path = one(rng, files()), folder / "given.json"
    if how == "values":
        path.write_text(json.dumps(changed(rng, values)), encoding="utf-8")
        wants: Wants = "any"
    else:
        data, wants = json_text(rng, values)
        path.write_bytes(data)
    return FuzzInput(partial(read, path), (path.name,), wants)


def _read_plan(path: Path) -> None:
    from facewarden.experiments.engine.plan_file import read_plan
    from facewarden.verbs.bench import checked_cells

    plan = read_plan(str(path))
    checked_cells(plan, root=path.with_name("run"))


def _plan_input(how: str, rng: np.random.Generator, folder: Path) -> FuzzInput:
    source = one(rng, sorted((PACKAGE / "experiments" / "plans").glob("*.yaml")))
    path, text = folder / "given.yaml", source.read_text(encoding="utf-8")
    wants: Wants = "any"
    if how == "values":
        values = changed(rng, yaml.safe_load(text))
        data = yaml.safe_dump(values, allow_unicode=True).encode("utf-8", "surrogatepass")
    elif how == "damaged":
        data = damaged(rng, text.encode(), one(rng, DAMAGES))
    else:
        data, wants = _plan_text(rng, text)
    path.write_bytes(data)
    return FuzzInput(partial(_read_plan, path), (path.name,), wants)


def _plan_text(rng: np.random.Generator, text: str) -> tuple[bytes, Wants]:
    bomb = "\n".join(f"a{i}: &a{i} [{', '.join(['*a' + str(i - 1)] * 9)}]" for i in range(1, 9))
    texts = [
        f"a0: &a0 [x, x, x]\n{bomb}\n{text}",
        f"{text}\nzzz: 1\n",
        f"{text}\nzzz: 1\nzzz: 2\n",
        f"zzz: {'[' * 3000}\n{text}",
        f"zzz: {'9' * 5000}\n{text}",
        f"zzz: !!python/object/apply:os.getcwd []\n{text}",
        f"zzz: *nowhere\n{text}",
        f"{text}\nzzz: .nan\n",
        f"{text}\nzzz: 2020-01-01\n",
        f"{text}\n---\n{text}",
        "",
        "kind:",
        "- a",
        "kind: nothing",
        f"zzz: &a [*a]\n{text}",
        f"? [a, b]\n: c\n{text}",
        f"zzz: !!binary gA==\n{text}",
        f"zzz: 'a\x07b'\n{text}",
        f"zzz:\n\t- a\n{text}",
        f"zzz: {'x' * 300_000}\n{text}",
        f"<<: [1]\n{text}",
        "like: nothing",
        "like: [1]",
        f"{text}\nzzz: 1:30:00\n",
        "\x00",
        "%YAML 9.9\n---\n" + text,
        "like: cloaking_lfw\nkind: 5\n",
        "like: cloaking_lfw\nzzz: 1\n",
        text + "\n\udcff",
    ]
    return one(rng, texts).encode("utf-8", "surrogateescape"), "refused"


FAMILIES: dict[str, Family] = {
    **{f"plan: {how}": partial(_plan_input, how) for how in ("values", "damaged", "text")},
    **{f"{kind}: {how}": partial(_json_input, kind, how) for kind in JSON_KINDS for how in ("values", "text")},
}
