"""A second device for machines without a GPU: tensors on it have real values, and mixing devices fails as on CUDA.

`torch.device("fakegpu")` computes on the CPU inside, and every operation that mixes a tensor on it with a CPU tensor of
one or more axes raises. Unlike CUDA it is synchronous, gives the CPU's numbers, has no autocast kernels, and
inference mode is `no_grad` while it is in use.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any
from unittest import mock

import torch
from torch.overrides import TorchFunctionMode
from torch.utils import backend_registration
from torch.utils._pytree import tree_iter, tree_map

NAME = "fakegpu"
SECOND = torch.device("privateuseone", 0)  # its name is `fakegpu` once it is set up
_CPU = torch.device("cpu")
_aten = torch.ops.aten
# CUDA too takes positions on the CPU for these: `x[rows]`, `x[rows] = y`
_INDEXING = {_aten.index.Tensor: (1,), _aten.index_put_.default: (1,), _aten.index_put.default: (1,)}
_INDEXING[_aten._index_put_impl_.default] = (1,)


class _Module:
    """What torch asks the module of a device, `torch.fakegpu`."""

    def is_initialized(self) -> bool:
        return True

    def is_available(self) -> bool:
        return True

    def current_device(self) -> int:
        return 0

    def device_count(self) -> int:
        return 1

    def _is_in_bad_fork(self) -> bool:
        return False

    def manual_seed_all(self, seed: int) -> None:
        pass

    def get_rng_state(self, device: Any = None) -> torch.Tensor:
        return torch.get_rng_state()

    def set_rng_state(self, state: torch.Tensor, device: Any = None) -> None:
        torch.set_rng_state(state)

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16]


class SecondTensor(torch.Tensor):
    """A tensor on the second device."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> SecondTensor:
        made = torch.Tensor._make_wrapper_subclass(
            cls, held.size(), strides=held.stride(), storage_offset=held.storage_offset(), dtype=held.dtype,
            layout=held.layout, device=SECOND,
        )  # fmt: skip
        made.held = held
        return made

    def __repr__(self, **_: Any) -> str:
        return f"SecondTensor({self.held!r})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, *args, **(kwargs or {}))

    def tolist(self) -> Any:
        return self.detach().cpu().tolist()

    def numpy(self, *, force: bool = False) -> Any:
        if not force:
            raise TypeError(f"can't convert {NAME}:0 device type tensor to numpy. Use Tensor.cpu() first.")
        return self.detach().cpu().numpy()

    def __array__(self, *_: Any, **__: Any) -> Any:
        return self.numpy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        copied = SecondTensor(self.detach().held.clone()).requires_grad_(self.requires_grad)
        if isinstance(self, torch.nn.Parameter):
            copied = torch.nn.Parameter(copied, requires_grad=self.requires_grad)
        memo[id(self)] = copied
        return copied


_Generator = torch.Generator


class SecondGenerator(torch.Generator):
    """A generator of the second device; as on CUDA, only such a one may draw there."""


def _unwrapped(value: Any) -> Any:
    if isinstance(value, SecondTensor):
        return value.held
    return _CPU if isinstance(value, torch.device) else value


def _run(func: Any, *args: Any, **kwargs: Any) -> Any:
    if func is _aten.copy_.default:  # between devices
        _unwrapped(args[0]).copy_(_unwrapped(args[1]))
        return args[0]
    if func is _aten._to_copy.default:
        target = kwargs.get("device") or args[0].device
        moved = func(_unwrapped(args[0]), **tree_map(_unwrapped, kwargs))
        return SecondTensor(moved) if target.type == NAME else moved
    free = _INDEXING.get(func, ())
    for value in tree_iter(([arg for place, arg in enumerate(args) if place not in free], kwargs)):
        if isinstance(value, torch.Tensor) and not isinstance(value, SecondTensor) and value.ndim > 0:
            raise RuntimeError(
                "Expected all tensors to be on the same device, "
                f"but found at least two devices, {NAME}:0 and cpu! ({func})"
            )
    found = func(*tree_map(_unwrapped, args), **tree_map(_unwrapped, kwargs))
    own = {id(value.held): value for value in tree_iter((args, kwargs)) if isinstance(value, SecondTensor)}

    def wrapped(value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        return own[id(value)] if id(value) in own else SecondTensor(value)

    return tree_map(wrapped, found)


def _set_up() -> torch.library.Library:
    backend_registration._setup_privateuseone_for_python_backend(NAME, _Module())
    library = torch.library.Library("_", "IMPL")
    library.fallback(_run, dispatch_key="PrivateUse1")  # factories: zeros(3, device="fakegpu")
    return library


_LIBRARY = _set_up()


class _Either(type):
    """Annotations that name `torch.Generator` go on to mean every generator."""

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, _Generator)


class _GeneratorOf(metaclass=_Either):
    """Stands for `torch.Generator`, which knows no second device."""

    def __new__(cls, device: Any = "cpu") -> Any:
        return SecondGenerator() if torch.device(device).type == NAME else _Generator(device)


def _positions(index: Any) -> Any:
    """Lists of positions as tensors on the CPU, which the dispatcher sees."""
    if isinstance(index, tuple):
        return tuple(_positions(part) for part in index)
    return torch.tensor(index) if isinstance(index, list) else index


class _Factories(TorchFunctionMode):
    """What torch answers for a device above its dispatcher: tensors of Python numbers, and whose generator may draw."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        settings = dict(kwargs or {})
        device = settings.get("device")
        second = device is not None and torch.device(device).type == NAME
        if func in (torch.tensor, torch.as_tensor) and second:
            settings.pop("device")
            return func(*args, **settings).to(device)
        if func is torch.as_tensor and isinstance(args[0], SecondTensor):
            return args[0].to(**settings)
        if func is torch.Tensor.new_tensor and isinstance(args[0], SecondTensor):
            return torch.tensor(args[1], **{"dtype": args[0].dtype, **settings}).to(device or SECOND)
        if func in (torch.Tensor.__getitem__, torch.Tensor.__setitem__) and isinstance(args[0], SecondTensor):
            args = (args[0], _positions(args[1]), *args[2:])
        generator = settings.get("generator")
        on_second = second or (device is None and any(isinstance(arg, SecondTensor) for arg in args))
        if generator is not None and on_second != isinstance(generator, SecondGenerator):
            raise RuntimeError(f"the generator is of another device than the tensor it fills ({func.__name__})")
        return func(*args, **settings)


def _inference_mode(mode: bool = True) -> Any:
    return torch.no_grad() if mode else contextlib.nullcontext()


@contextlib.contextmanager
def second_device() -> Iterator[torch.device]:
    """Make the device usable: factories from Python numbers, generators, and modules that move in place."""
    swapped = torch.__future__.get_swap_module_params_on_conversion()
    # what moves a module must keep its parameters' identity, as `.data =` does between real devices
    torch.__future__.set_swap_module_params_on_conversion(True)
    with (
        mock.patch.object(torch, "Generator", _GeneratorOf),
        # a view of a weight made in inference mode cannot be wrapped
        mock.patch.object(torch, "inference_mode", _inference_mode),
        _Factories(),
    ):
        try:
            yield SECOND
        finally:
            torch.__future__.set_swap_module_params_on_conversion(swapped)
