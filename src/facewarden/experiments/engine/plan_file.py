"""Plans as YAML files: read safely, with the line of every setting for the errors."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from facewarden.core.errors import BadInputError, FacewardenError, UnknownEntryError
from facewarden.core.registry import load
from facewarden.core.settings import SettingError
from facewarden.core.settings.old_keys import with_keys_of_today
from facewarden.core.settings.problems import path_text, shown
from facewarden.experiments.engine.limits import PLAN_BYTES, PLAN_DEPTH, PLAN_VALUES

FOLDER = Path(__file__).parent.parent / "plans"
_PLAIN = {yaml.ScalarNode: ("null", "bool", "int", "float", "str", "merge"), yaml.SequenceNode: ("seq",),
          yaml.MappingNode: ("map",)}  # fmt: skip
_LOG = logging.getLogger("facewarden")
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_NO_VALUE = (ValueError, TypeError, LookupError)
"""What the constructors of YAML raise for text that is not of the type that its tag says, as in `!!bool perhaps`."""


class _Loader(yaml.SafeLoader):
    """YAML 1.2's plain values: `off` and `no` are words, 1e-3 is a number, dates stay text."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - the base's protocol
    depth = 0

    def compose_node(self, parent: Any, index: Any) -> yaml.Node | None:
        """Compose a value, unless it is nested too deep."""
        self.depth += 1
        if self.depth > PLAN_DEPTH:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem=f"nested deeper than {PLAN_DEPTH} levels", problem_mark=mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


for _tag, _pattern, _first in (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^[-+]?[0-9]+$", list("-+0123456789")),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", list("-+.0123456789")),
    ("merge", r"^(?:<<)$", ["<"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)


def _integer(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    return int(loader.construct_scalar(node))  # YAML 1.1 would read 010 as eight


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

    def located(self, error: FacewardenError, *, at: tuple[str | int, ...] = ()) -> FacewardenError:
        """The same error with file and line; the nearest setting above where that one has no line.

        Args:
            error: what is wrong with a setting; a name that no registry knows as well.
            at: keys that lead to the setting, where the error does not say them.
        """
        at = above = error.at if isinstance(error, SettingError) else at
        while above and above not in self.lines:
            above = above[:-1]
        message = f"{self.path}:{self.lines.get(above, 1) if above else 1}: {error.message}"
        if isinstance(error, SettingError):
            return SettingError(message, hint=error.hint, at=at)
        return type(error)(message, hint=error.hint)


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
    return _parse(_text(path), path)


def _text(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():
            raise OSError("not a file")
        with path.open("rb") as file:
            data = file.read(PLAN_BYTES + 1)
        if len(data) > PLAN_BYTES:
            raise BadInputError(f"{path}: larger than {PLAN_BYTES} bytes", hint="a plan is a short YAML file")
        return data.decode("utf-8")
    except (OSError, ValueError) as error:
        raise BadInputError(f"{path}: cannot be read: {error}", hint="a YAML file in UTF-8") from error


def _inherited(values: dict[str, Any], path: Path, lines: dict[tuple[str | int, ...], int]) -> dict[str, Any]:
    """A plan with `like: NAME` takes the settings of that shipped plan, except those that it sets itself."""
    name = values.pop("like")
    if not isinstance(name, str) or name not in shipped_plans() or FOLDER / f"{name}.yaml" == path:
        raise BadInputError(
            f"{path}:{lines['like',]}: no plan {repr(name) if isinstance(name, str) else shown(name)} to be like",
            hint=f"one of: {', '.join(shipped_plans())}",
        )
    base = read_plan(str(name))
    values = _of_today({"kind": base.kind, **values}, path, lines)
    return {key: value for key, value in {"kind": base.kind, **base.settings, **values}.items() if value is not None}


def _of_today(values: dict[str, Any], path: Path, lines: dict[tuple[str | int, ...], int]) -> dict[str, Any]:
    """The settings, with those that the kind's plans of an earlier release spelled otherwise under their names now."""
    try:
        old_keys = load("plans", str(values.get("kind"))).old_keys
    except FacewardenError:
        return values  # no such kind, which whoever runs the plan says
    today, renamed = with_keys_of_today(values, old_keys)
    for old, now in renamed.items():
        _LOG.warning("%s:%d: %s is spelled %s now", path, lines[old], path_text(old), path_text(now))
        for at in [at for at in lines if at[: len(old)] == old]:
            lines[(*now, *at[len(old) :])] = lines.pop(at)
    return today


def _parse(text: str, path: Path) -> PlanFile:
    values, lines = _loaded(text, path)
    if isinstance(values, dict):
        values = _inherited(values, path, lines) if "like" in values else _of_today(values, path, lines)
    if not isinstance(values, dict) or not isinstance(values.get("kind"), str):
        raise BadInputError(f"{path}:1: a plan needs a kind", hint="kind: NAME; facewarden list plans shows the kinds")
    return PlanFile(path, values.pop("kind"), values, lines)


def _loaded(text: str, path: Path) -> tuple[Any, dict[tuple[str | int, ...], int]]:
    """The plain values of a YAML text, and the line of every setting."""
    lines: dict[tuple[str | int, ...], int] = {}
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None, lines
            _walk(node, (), lines, path)  # before anything is made of it: aliases may stand for millions of values
            return _constructed(loader, node), lines
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = 1 if mark is None else mark.line + 1
        raise BadInputError(f"{path}:{line}: not YAML: {error.problem}", hint="look at this line") from error
    except yaml.YAMLError as error:
        raise BadInputError(f"{path}: not YAML: {str(error)[:200]}", hint="plain text, numbers and lists") from error


def _constructed(loader: _Loader, node: yaml.Node) -> Any:
    try:
        return loader.construct_document(node)
    except _NO_VALUE as error:
        raise yaml.YAMLError(error) from error


def _walk(node: yaml.Node, at: tuple[str | int, ...], lines: dict[tuple[str | int, ...], int], path: Path) -> None:
    """Note the line of every setting; a key given twice would silently lose one of its values."""
    line = node.start_mark.line + 1
    if at in lines:
        raise BadInputError(f"{path}:{line}: {at[-1]!r} is given twice, first in line {lines[at]}", hint="remove one")
    if len(lines) >= PLAN_VALUES or len(at) > PLAN_DEPTH:
        raise BadInputError(
            f"{path}:{line}: more than {PLAN_VALUES} values, or values nested deeper than {PLAN_DEPTH} levels, "
            "aliases counted where they stand",
            hint="a shorter plan; --resume lets a plan grow",
        )
    if node.tag.rpartition(":")[2] not in _PLAIN[type(node)]:
        raise BadInputError(
            f"{path}:{line}: not YAML of plain values: {node.tag}", hint="text, numbers, lists and mappings"
        )
    lines[at] = line
    if isinstance(node, yaml.ScalarNode) and _NO_TEXT.search(node.value):
        raise BadInputError(f"{path}:{line}: text with a character that no file can hold", hint="write plain text")
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or _NO_TEXT.search(key.value):
                raise BadInputError(f"{path}:{key.start_mark.line + 1}: a key is not a word", hint="name: value")
            if not key.tag.endswith(":merge"):
                key.tag = "tag:yaml.org,2002:str"  # a key is its text, also where it could be read as a number
            _walk(value, (*at, str(key.value)), lines, path)
            lines[(*at, str(key.value))] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            _walk(item, (*at, position), lines, path)
