"""FILE.py:NAME, a model of a person's own: import the file and take or make what it names."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from facewarden.core.errors import BadInputError, FacewardenError


def load_object(file: Path, name: str, *, role: type, settings: Mapping[str, Any]) -> Any:
    """Import a Python file and return the model that it names.

    The name may be an object, a class, or a function that makes one; classes and functions are called with the
    settings. The code of the file runs with the rights of the caller.

    Args:
        file: the Python file; what lies beside it can be imported by it.
        name: of the object, class or function.
        role: what it must be: Detector, Recognizer or Purifier.
        settings: arguments for a class or function.

    Raises:
        BadInputError: no such file or name, a file that cannot be imported, or not of the role; with the line.
    """
    made = _named(_imported(file), file, name, role)
    if not isinstance(made, role):
        made = _made(made, f"{file}:{name}", settings, role)
    elif settings:
        raise BadInputError(f"{file}:{name} is an object, which takes no settings", hint="name a class or a function")
    if not isinstance(made, role):
        raise BadInputError(
            f"{file}:{name} gives a {type(made).__name__}, not a {role.__name__}",
            hint=f"name a subclass of facewarden.core.roles.{role.__name__}, or a function that returns one",
        )
    return made


def _imported(file: Path) -> ModuleType:
    if not file.is_file():
        raise BadInputError(f"{file}: no such file", hint="facewarden help sources")
    path = file.resolve()
    module_name = f"facewarden_file_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
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
    except Exception as error:  # a person's file may fail in any way
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
    hint = f"{file}:{there[0]}" if there else f"define a subclass of facewarden.core.roles.{role.__name__} in it"
    raise BadInputError(f"{file} defines no {name!r}", hint=hint)


def _made(maker: Any, what: str, settings: Mapping[str, Any], role: type) -> Any:
    if not (inspect.isclass(maker) or inspect.isroutine(maker) or isinstance(maker, partial)):
        raise BadInputError(f"{what} is a {type(maker).__name__}, not a {role.__name__}", hint="name a class of it")
    if inspect.isabstract(maker):
        lacking = ", ".join(sorted(getattr(maker, "__abstractmethods__", ())))
        raise BadInputError(f"{what} is an abstract class: it lacks {lacking}", hint=f"define {lacking}")
    try:
        inspect.signature(maker).bind(**settings)
    except TypeError as error:
        raise BadInputError(f"{what}: {error}", hint=f'{what}{{"setting": value}} gives what it needs') from None
    except ValueError:  # a callable without a signature
        pass
    return maker(**settings)


def _line(error: Exception, path: Path) -> str:
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
