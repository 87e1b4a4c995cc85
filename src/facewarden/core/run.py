"""Runs: a folder that can be moved, deleted, resumed and reported again; a stage done once is never done twice."""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from facewarden.core.errors import BadInputError, RunError
from facewarden.core.files import remove_stale, write_json
from facewarden.core.guards.bounded import read_json_bounded
from facewarden.core.guards.lock import hold
from facewarden.core.identity.code_version import say_computed_anew
from facewarden.core.identity.inputs import check_inputs

_LONGEST_LINE = 1 << 16
DONE, CODE = "done.json", "code.json"
_KEPT = ("recipe.json", "provenance.json", "log.jsonl", CODE)  # of a run whose code changed


class RunFolder:
    """A run on disk: `recipe.json`, `provenance.json`, `log.jsonl`, `stages/NAME.json` and, at the end, `done.json`.

    Args:
        path: the folder; made when absent.
        recipe: everything that decides the run's numbers.
        code: version of the code that computes them, a constant of whoever calls. What another version left in the
            folder moves to `code-VERSION` in it, and everything is computed anew.
        resume: go on with a run that is there already; its recipe must be the same.
        today: spells a recipe that an earlier release wrote as this one does, before it is compared.
        inputs: what it reads -> hash of the content, see `facewarden.core.identity.inputs`.
        computed: device and precision in which its networks really compute. They decide no id; where a resumed run
            goes on in others, its log says so.

    Raises:
        BadInputError: the folder cannot be written, holds another run, resumes with another recipe or other inputs, or
            another process works in it.
    """

    def __init__(
        self,
        path: Path,
        *,
        recipe: Mapping[str, Any],
        code: int = 1,
        resume: bool = False,
        today: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict,
        inputs: Mapping[str, str] | None = None,
        computed: Mapping[str, str] | None = None,
    ) -> None:
        self.path = path
        plain = json.loads(json.dumps(recipe, sort_keys=True))
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = hold(path)
            remove_stale(path)
            if (path / "recipe.json").is_file():
                self._check_same(plain, resume=resume, today=today)
                self._set_aside(code)
            else:
                write_json(path / "recipe.json", plain)
            check_inputs(path, inputs or {})
            (path / "stages").mkdir(exist_ok=True)
            write_json(path / CODE, {"code": code})
            before = self._computed_before()
            write_json(path / "provenance.json", provenance(computed))
            _without_cut_line(path / "log.jsonl")
            if computed and before not in (None, dict(computed)):
                self.log(note=f"goes on in {_words(computed)}; what was done before was computed in {_words(before)}")
        except OSError as error:
            raise BadInputError(
                f"{path}: cannot write the run: {error}", hint="choose a writable folder: --out DIR"
            ) from error

    def _check_same(
        self, recipe: Mapping[str, Any], *, resume: bool, today: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    ) -> None:
        if not resume:
            raise BadInputError(f"{self.path} holds a run already", hint="--resume to go on with it, or another --out")
        try:
            held = read_json_bounded(self.path / "recipe.json")
            if not isinstance(held, dict):
                raise ValueError("no object at the top")
        except ValueError as error:
            raise BadInputError(f"{self.path / 'recipe.json'}: not JSON: {error}", hint="another --out") from error
        changed = _differences(today(held), recipe)
        if changed:
            told = ", ".join(f"{name}{_both(*values)}" for name, values in changed.items())
            raise BadInputError(
                f"{self.path} holds a run with other settings: {told}", hint="another --out, or the same settings"
            )

    def _computed_before(self) -> Mapping[str, str] | None:
        """What an earlier call of this run computed in; None where it does not say."""
        with suppress(OSError, ValueError, RecursionError):
            held = json.loads((self.path / "provenance.json").read_text(encoding="utf-8"))
            found = held.get("computed") if isinstance(held, dict) else None
            return found if isinstance(found, dict) else None
        return None

    def _set_aside(self, code: int) -> None:
        """Move away what another version of the code computed; a folder that states none is of the first."""
        try:
            held = int(read_json_bounded(self.path / CODE)["code"])
        except FileNotFoundError:
            held = 1
        except (ValueError, KeyError, TypeError) as error:
            raise BadInputError(f"{self.path / CODE}: cannot be read: {error}", hint="another --out") from error
        if held == code:
            return
        aside = self.path / f"code-{held}"
        aside.mkdir(exist_ok=True)
        for path in self.path.iterdir():
            if path.name not in _KEPT and not path.name.startswith("code-"):
                path.replace(aside / path.name)
        self.log(note=say_computed_anew(self.path.name, held=[held], now=code))

    def holds(self, name: str) -> bool:
        """Whether a stage is finished."""
        return (self.path / "stages" / f"{name}.json").is_file()

    def stage(self, name: str, compute: Callable[[], Any]) -> Any:
        """Return the JSON result of a stage, computing it unless an earlier try of this run has finished it.

        Raises:
            RunError: its file cannot be read, or not be written; what was finished before stays.
        """
        path = self.path / "stages" / f"{name}.json"
        if path.is_file():
            try:
                return read_json_bounded(path, limit="report_bytes")
            except (OSError, ValueError) as error:
                raise RunError(
                    f"{path}: the stage cannot be read: {error}", hint="delete this file, --resume makes it again"
                ) from error
        started = time.perf_counter()
        made = compute()
        with self._writing():
            write_json(path, made)
        self.log(stage=name, seconds=round(time.perf_counter() - started, 3))
        return json.loads(path.read_text(encoding="utf-8"))  # read back: a resumed run sees the very same values

    def log(self, **values: str | int | float | bool) -> None:
        """Append one line to the run's log.

        Raises:
            RunError: it cannot be written.
        """
        with self._writing(), (self.path / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **values}) + "\n")

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Mark the run done.

        Raises:
            RunError: the mark cannot be written.
        """
        with self._writing():
            write_json(self.path / DONE, summary)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RunError(
                f"{self.path}: cannot write the run: {error}",
                hint="free space or another --out; what was finished stays",
            ) from error

    @property
    def done(self) -> bool:
        """Whether the run has been finished."""
        return (self.path / DONE).is_file()


def _without_cut_line(path: Path) -> None:
    """Cut the half line off that a kill or a full disk left at the end of a log: the next line would run into it."""
    with path.open("a+b") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _LONGEST_LINE))
        tail = file.read()
        file.truncate(size - (len(tail) - 1 - tail.rfind(b"\n")))


def provenance(computed: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Versions and machine facts that a reader of a result needs; no user or host names.

    Args:
        computed: device and precision in which networks really computed.
    """
    packages = {}
    for name in ("facewarden", "torch", "timm", "numpy", "opencv-python-headless", "scikit-learn", "onnxruntime"):
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = "absent"
    return {
        **({"computed": dict(computed)} if computed else {}),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": sys.platform,
        "packages": packages,
    }


def _words(computed: Mapping[str, str] | None) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted((computed or {}).items()))


def _differences(held: Mapping[str, Any], recipe: Mapping[str, Any], at: str = "") -> dict[str, tuple[Any, Any]]:
    """Path of each setting that differs, as in "training.rate" -> what the run holds and what is asked for now."""
    found: dict[str, tuple[Any, Any]] = {}
    for key in sorted({*held, *recipe}):
        before, now = held.get(key), recipe.get(key)
        if isinstance(before, dict) and isinstance(now, dict):
            found |= _differences(before, now, f"{at}{key}.")
        elif before != now:
            found[f"{at}{key}"] = (before, now)
    return found


def _both(before: Any, now: Any) -> str:
    """Both values behind the name of a setting, where they are short enough to tell a person something."""
    texts = [json.dumps(value) for value in (before, now)]
    return f" ({texts[0]} there, {texts[1]} now)" if max(map(len, texts)) <= 40 else ""
