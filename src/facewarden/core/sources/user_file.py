"""FILE.py:NAME, a model of a person's own: import the file and take or make what it names."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from facewarden.core.errors import BadInputError, FacewardenError
from facewarden.core.roles import Detector, Purifier, Recognizer


def load_object(file: Path, name: str, *, role: type, settings: Mapping[str, Any]) -> Any:
    """Import a Python file and return the model that it names.

    The name may be an object, a class, or a function that makes one; classes and functions are called with the
    settings. A function that must be given one argument, and objects that can be called, are models themselves. The
    code of the file runs with the rights of the caller.

    Args:
        file: the Python file; what lies beside it can be imported by it.
        name: of the object, class or function.
        role: what it is to be used as: Detector, Recognizer or Purifier.
        settings: arguments for a class or function.

    Returns:
        A model of the role, or something else that can be called with a tensor of pictures.

    Raises:
        BadInputError: no such file or name, a file that cannot be imported, or no model of the role; with the line.
    """
    what = f"{file}:{name}"
    found = _named(_imported(file), file, name, role)
    makes = inspect.isclass(found) or inspect.isroutine(found) or isinstance(found, partial)
    if isinstance(found, role) or _of_a_role(found) or not makes or (not settings and _takes_pictures(found)):
        if not callable(found) or (_of_a_role(found) and not isinstance(found, role)):
            raise BadInputError(f"{what} is a {type(found).__name__}, not a {role.__name__}", hint="name a class of it")
        if settings:
            raise BadInputError(f"{what} is an object, which takes no settings", hint="name a class or a function")
        return found
    made = _made(found, what, settings, file)
    if not isinstance(made, role) and (_of_a_role(made) or inspect.isclass(made) or not callable(made)):
        raise BadInputError(
            f"{what} gives a {type(made).__name__}, not a {role.__name__}",
            hint=f"a subclass of facewarden.core.roles.{role.__name__}, a torch module with a card, or a function that "
            "returns one",
        )
    return made


def _of_a_role(found: Any) -> bool:
    return isinstance(found, Detector | Recognizer | Purifier)


def _takes_pictures(found: Any) -> bool:
    """Whether a function must be given one argument: it is a model, and makes none."""
    if inspect.isclass(found):
        return False
    try:
        parameters = inspect.signature(found).parameters.values()
    except (TypeError, ValueError):
        return False
    needed = [one.kind for one in parameters if one.default is one.empty]
    single = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return len([kind for kind in needed if kind in single]) == 1 and inspect.Parameter.KEYWORD_ONLY not in needed


def _imported(file: Path) -> ModuleType:
    if not file.is_file():
        raise BadInputError(f"{file}: no such file", hint="facewarden help sources")
    path = file.resolve()
    # by content too: a file that was changed since is imported again, not taken from memory under its new hash
    content = hashlib.sha256(os.fsencode(path) + b"\0" + path.read_bytes()).hexdigest()
    module_name = f"facewarden_file_{path.stem}_{content[:16]}"
    if module_name in sys.modules:
        return sys.modules[module_name]
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise BadInputError(f"{file}: not a Python file", hint="facewarden help sources")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # dataclasses and pickle look a class's module up
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except FacewardenError:
        sys.modules.pop(module_name, None)
        raise
    except (Exception, SystemExit) as error:  # a person's file may fail in any way, and call exit at its end
        sys.modules.pop(module_name, None)
        raise BadInputError(
            f"{file}{_line(error, path)}: cannot be imported: {error!r}", hint=f"python {file} shows where it fails"
        ) from error
    finally:
        sys.path.remove(str(path.parent))
    return module


def _named(module: ModuleType, file: Path, name: str, role: type) -> Any:
    if hasattr(module, name):
        return getattr(module, name)
    there = [
        key
        for key, value in vars(module).items()
        if isinstance(value, role) or (isinstance(value, type) and issubclass(value, role) and value is not role)
    ]
    hint = f"{file}:{there[0]}" if there else f"define a torch module or a {role.__name__} of that name in it"
    raise BadInputError(f"{file} defines no {name!r}", hint=hint)


def _made(maker: Any, what: str, settings: Mapping[str, Any], file: Path) -> Any:
    if inspect.isabstract(maker):
        lacking = ", ".join(sorted(getattr(maker, "__abstractmethods__", ())))
        raise BadInputError(f"{what} is an abstract class: it lacks {lacking}", hint=f"define {lacking}")
    try:
        inspect.signature(maker).bind(**settings)
    except TypeError as error:
        raise BadInputError(f"{what}: {error}", hint=f'{what}{{"setting": value}} gives what it needs') from None
    except ValueError:  # a callable without a signature
        pass
    try:
        return maker(**settings)
    except FacewardenError:
        raise
    except (Exception, SystemExit) as error:  # a person's code may fail in any way
        raise BadInputError(
            f"{file}{_line(error, file.resolve())}: {what} cannot be made: {error!r}",
            hint=f"python -i {file} shows where it fails",
        ) from error


def _line(error: BaseException, path: Path) -> str:
    """The last line of the file that the error came through, ":12"."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f":{error.lineno}"
    found = ""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            found = f":{trace.tb_lineno}"
        trace = trace.tb_next
    return found
