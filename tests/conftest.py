"""What every test shares: one thread, checked tensor shapes, and honest skips for parts that may be absent."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from type_checks import install

install()

import hypothesis  # noqa: E402  the hook comes first
import pytest  # noqa: E402
import torch  # noqa: E402

torch.set_num_threads(1)

# Random examples look for defects where people work; a gate must give the same answer twice.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis.settings.register_profile("work", deadline=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "work")


def pytest_collection_finish() -> None:
    """Leave what the whole session keeps, modules and collected tests, out of every later search for garbage."""
    gc.collect()
    gc.freeze()


REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real faces for development; skips where it is absent."""
    path = Path(os.environ.get("FACEWARDEN_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    if not path.is_dir():
        pytest.skip("the shared development photos are not on this machine (FACEWARDEN_SHARED_DATA)")
    return path


@pytest.fixture
def bfloat16_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute in bfloat16 where it is asked for, also on a processor that only emulates it."""
    from facewarden.core.compute import precision

    monkeypatch.setattr(precision, "native_bfloat16", lambda device_type="cpu": precision.Support(True, "in a test"))


@pytest.fixture(scope="session")
def need_asset() -> Callable[[str], Path]:
    """A function that gives an asset's path, or skips with the command that brings it."""
    from facewarden.assets import locate
    from facewarden.core.errors import MissingAssetError

    def need(name: str) -> Path:
        try:
            return locate(name)
        except MissingAssetError:
            pytest.skip(f"asset {name} is not in the cache: facewarden fetch {name}")

    return need
