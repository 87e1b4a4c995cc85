"""Whether this machine is ready: torch build, devices, extras, assets, writable folders."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import tempfile
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from facewarden.core.guards.limits import DeclaredLimit, declared


@dataclass(frozen=True)
class MachineFinding:
    """One thing that was checked.

    Attributes:
        name: what.
        state: "ok", "absent" (fine unless it is needed) or "bad".
        seen: what was found.
        fix: how to fix it; empty where nothing is wrong.
    """

    name: str
    state: str
    seen: str
    fix: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """Everything that was checked.

    Attributes:
        findings: about the machine.
        limits: on what is read from outside, where they were asked for instead.
    """

    findings: tuple[MachineFinding, ...]
    limits: tuple[DeclaredLimit, ...] = ()

    @property
    def healthy(self) -> bool:
        """Whether nothing is bad."""
        return all(finding.state != "bad" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """The findings as plain values."""
        limits = {"limits": [{**asdict(one), "variable": one.variable} for one in self.limits]} if self.limits else {}
        return {"healthy": self.healthy, "findings": [asdict(finding) for finding in self.findings], **limits}


_EXTRAS = {
    "onnxruntime": "pip install 'facewarden[onnx]'",
    "openvino": "pip install 'facewarden[openvino]'",
    "tensorboard": "pip install 'facewarden[tracking]'",
}
_KEEP = "python -m pip freeze | grep -iE '^(torch|torchvision)==' > torch.txt"
_VISION_BEHIND = 15
"""torchvision 0.(n + 15) is built for torch 2.n."""


def doctor(*, limits: bool = False) -> Diagnosis:
    """Check the machine: what is ready, and how to fix the rest.

    Args:
        limits: list the limits on what is read from outside instead, and the variables that raise them.

    Raises:
        BadInputError: a variable of a limit holds no number above 0.
    """
    if limits:
        return Diagnosis((), tuple(declared()))
    findings = [
        MachineFinding("python", "ok", platform.python_version()),
        *_torch(),
        *_extras(),
        *_tools(),
        *_assets(),
        _home(),
    ]
    return Diagnosis(tuple(findings))


def _torch() -> list[MachineFinding]:
    import torch

    from facewarden.core.compat import ensure_torchvision
    from facewarden.core.compute.device import available_devices, resolve_device
    from facewarden.core.compute.precision import native_bfloat16, resolve_precision

    vision = ensure_torchvision()
    fix = "pip install -c constraints.txt torchvision" if vision == "absent" else ""
    devices = ", ".join(
        f"{name} ({torch.cuda.get_device_name(name)})" if name.startswith("cuda") else name
        for name in available_devices()
    )
    return [
        MachineFinding("torch", "ok", f"{torch.__version__}, {torch.get_num_threads()} threads"),
        MachineFinding(
            "precision auto", "ok", f"{resolve_precision('auto')} on this CPU: {native_bfloat16('cpu').reason}"
        ),
        MachineFinding("devices", "ok", f"{devices}; --device auto takes {resolve_device('auto')}"),
        MachineFinding("torchvision", "bad" if vision == "absent" else "ok", vision, fix),
        torch_pair(_version_of("torch"), _version_of("torchvision")),
    ]


def _version_of(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def torch_pair(torch: str, vision: str) -> MachineFinding:
    """Whether a torch and a torchvision belong together, and to what facewarden needs.

    Args:
        torch, vision: their versions; empty where one is absent.
    """
    name, seen = "torch and torchvision", f"{torch or 'no torch'} and {vision or 'no torchvision'}"
    numbers = [tuple(int(part) for part in re.findall(r"\d+", text)[:2]) for text in (torch, vision)]
    if not vision or len(numbers[0]) < 2 or numbers[0][0] != 2:
        return MachineFinding(name, "absent" if torch else "bad", f"{seen}: not compared")
    if numbers[0] < (2, 6):
        return MachineFinding(
            name, "bad", f"{seen}: facewarden needs torch 2.6", "pip install 'torch>=2.6' torchvision"
        )
    fitting = numbers[0][1] + _VISION_BEHIND
    if numbers[1] != (0, fitting):
        fix = f"{_KEEP}; pip install -c torch.txt 'torchvision==0.{fitting}.*'"
        return MachineFinding(
            name, "bad", f"{seen} do not belong together", fix.replace("(torch|torchvision)", "torch")
        )
    return MachineFinding(name, "ok", f"{seen} belong together")


def _extras() -> list[MachineFinding]:
    return [
        MachineFinding(name, "ok", "installed")
        if importlib.util.find_spec(name)
        else MachineFinding(name, "absent", "not installed", fix)
        for name, fix in _EXTRAS.items()
    ]


def _tools() -> list[MachineFinding]:
    npm = shutil.which("npm")
    return [
        MachineFinding("npm", "ok", "found")
        if npm
        else MachineFinding("npm", "absent", "not found", "install Node.js; some assets need it")
    ]


def _assets() -> list[MachineFinding]:
    from facewarden.assets import known, locate
    from facewarden.core.errors import AssetError, MissingAssetError

    findings = []
    for asset in known():
        name = f"asset {asset.name}"
        try:
            locate(asset.name)
            findings.append(MachineFinding(name, "ok", f"{asset.package} {asset.version}, hash verified"))
        except MissingAssetError:
            findings.append(MachineFinding(name, "absent", "not in the cache", f"facewarden fetch {asset.name}"))
        except AssetError as error:
            findings.append(MachineFinding(name, "bad", error.message, f"facewarden fetch {asset.name} --force"))
    return findings


def _home() -> MachineFinding:
    from facewarden.assets import home

    folder = home()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.NamedTemporaryFile(dir=existing):
            pass
    except OSError as error:
        return MachineFinding(
            "cache folder", "bad", f"{folder} cannot be written: {error.strerror}", "set FACEWARDEN_HOME"
        )
    free = shutil.disk_usage(existing).free / 2**30
    offline = ", offline by FACEWARDEN_OFFLINE" if os.environ.get("FACEWARDEN_OFFLINE") else ""
    return MachineFinding("cache folder", "ok", f"{_short(folder)}, {free:.0f} GiB free{offline}")


def _short(path: Path) -> str:
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
