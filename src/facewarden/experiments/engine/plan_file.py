"""Plans as YAML files: read safely, with the line of every setting for the errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from facewarden.core.errors import BadInputError, UnknownEntryError
from facewarden.experiments.engine.kind import SettingError

FOLDER = Path(__file__).parent.parent / "plans"


class _Loader(yaml.SafeLoader):
    """YAML 1.2's plain values: `off` and `no` are words, 1e-3 is a number, dates stay text."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - the base's protocol


for _tag, _pattern, _first in (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^[-+]?[0-9]+$", list("-+0123456789")),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", list("-+.0123456789")),
    ("merge", r"^(?:<<)$", ["<"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)


def _integer(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    return int(node.value)  # YAML 1.1 would read 010 as eight


_Loader.add_constructor("tag:yaml.org,2002:int", _integer)


@dataclass(frozen=True)
class PlanFile:
    """A plan file after reading.

    Attributes:
        path: the file.
        kind: name of the kind.
        settings: everything else.
        lines: where each setting is, by the keys that lead to it.
    """

    path: Path
    kind: str
    settings: Mapping[str, Any]
    lines: Mapping[tuple[str | int, ...], int] = field(default_factory=dict, repr=False)

    def located(self, error: SettingError) -> BadInputError:
        """The same error with file and line; the nearest setting above where that one has no line."""
        at = error.at
        while at and at not in self.lines:
            at = at[:-1]
        return BadInputError(f"{self.path}:{self.lines.get(at, 1)}: {error.message}", hint=error.hint)


def shipped_plans() -> tuple[str, ...]:
    """Names of the plans in the package."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


def read_plan(name: str) -> PlanFile:
    """Read a plan.

    Args:
        name: of one in the package, or the path of a YAML file. One that says `like: NAME` holds only the settings in
            which it differs from that plan of the package, each whole; null takes one away.

    Raises:
        UnknownEntryError: the package has none of that name.
        BadInputError: the file cannot be read or is not a plan; file and line are named.
    """
    path = Path(name)
    if path.suffix.lower() not in (".yaml", ".yml"):
        if name not in shipped_plans():
            raise UnknownEntryError(
                f"no plan {name!r}; known: {', '.join(shipped_plans())}", hint="or give the path of a .yaml file"
            )
        path = FOLDER / f"{name}.yaml"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise BadInputError(f"{path}: cannot be read: {error}", hint="a YAML file in UTF-8") from error
    return _parse(text, path)


def _inherited(values: dict[str, Any], path: Path, lines: Mapping[tuple[str | int, ...], int]) -> dict[str, Any]:
    """A plan with `like: NAME` takes the settings of that shipped plan, except those that it sets itself."""
    if "like" not in values:
        return values
    name = values.pop("like")
    if name not in shipped_plans() or FOLDER / f"{name}.yaml" == path:
        raise BadInputError(
            f"{path}:{lines['like',]}: no plan {name!r} to be like", hint=f"one of: {', '.join(shipped_plans())}"
        )
    base = read_plan(str(name))
    return {key: value for key, value in {"kind": base.kind, **base.settings, **values}.items() if value is not None}


def _parse(text: str, path: Path) -> PlanFile:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        lines: dict[tuple[str | int, ...], int] = {}
        if node is not None:
            _walk(node, (), lines, path)
        values = None if node is None else loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = 1 if mark is None else mark.line + 1
        raise BadInputError(f"{path}:{line}: not YAML: {error.problem}", hint="look at this line") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadInputError(f"{path}: not YAML: {error}", hint="a YAML file in UTF-8") from error
    finally:
        loader.dispose()
    if isinstance(values, dict):
        values = _inherited(values, path, lines)
    if not isinstance(values, dict) or not isinstance(values.get("kind"), str):
        raise BadInputError(f"{path}:1: a plan needs a kind", hint="kind: NAME; facewarden list plans shows the kinds")
    return PlanFile(path, values.pop("kind"), values, lines)


def _walk(node: yaml.Node, at: tuple[str | int, ...], lines: dict[tuple[str | int, ...], int], path: Path) -> None:
    """Note the line of every setting; a key given twice would silently lose one of its values."""
    if at in lines:
        raise BadInputError(
            f"{path}:{node.start_mark.line + 1}: {at[-1]!r} is given twice, first in line {lines[at]}",
            hint="remove one",
        )
    lines[at] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise BadInputError(f"{path}:{key.start_mark.line + 1}: a key is not a word", hint="name: value")
            _walk(value, (*at, str(key.value)), lines, path)
            lines[(*at, str(key.value))] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            _walk(item, (*at, position), lines, path)
