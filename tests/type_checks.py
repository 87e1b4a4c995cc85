"""Type checks of a test run: shapes where annotations name shapes, and only types, for much less time, elsewhere.

jaxtyping's checks bind the arguments of every call, to remember the sizes of named axes. A function whose annotations
name no shape has no axes to remember, so beartype alone finds the same in it.

A function inside a function is left as it is. It is made anew at every call, its checks would be compiled every time,
and beartype keeps every function that it has seen, with the images and networks that the function refers to.
"""

from __future__ import annotations

import functools
from dataclasses import is_dataclass
from types import FunctionType
from typing import Any, get_args, get_type_hints

import jaxtyping
from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeException

_with_shapes = jaxtyping.jaxtyped
_with_types = beartype(conf=BeartypeConf(violation_type=jaxtyping.TypeCheckError))  # a TypeError, as without checks


def install() -> None:
    """Check every function of facewarden that is imported from now on."""
    jaxtyping.jaxtyped = checked
    jaxtyping.install_import_hook("facewarden", "beartype.beartype")


def checked(made: Any = None, *, typechecker: Any) -> Any:
    """Do what `jaxtyping.jaxtyped` does, by beartype where no shape is named."""
    if made is None:
        return functools.partial(checked, typechecker=typechecker)
    if isinstance(made, FunctionType) and "<locals>" in made.__qualname__:
        return made
    if isinstance(made, FunctionType) and (quick := _by_types(made)):
        return quick
    if isinstance(made, type) and is_dataclass(made) and (quick := _by_types(made.__init__)):  # type: ignore[misc]
        made.__init__ = quick  # type: ignore[misc]
        return made
    return _with_shapes(made, typechecker=typechecker)


def _by_types(function: Any) -> Any:
    """The function with checks of its types; None where it names shapes, or something that is not known yet."""
    try:
        hints = get_type_hints(function, include_extras=True).values()
        return None if any(map(_is_shape, hints)) else _with_types(function)
    except (NameError, TypeError, AttributeError, BeartypeException):
        return None


def _is_shape(hint: Any) -> bool:
    if isinstance(hint, type) and issubclass(hint, jaxtyping.AbstractArray):
        return True
    return any(map(_is_shape, hint if isinstance(hint, list) else get_args(hint)))
