"""Evidence of a report: SHA-256 of every file, one hash over all of them, and an optional Ed25519 signature.

`sha256sum -c SHA256SUMS` checks the files, `openssl pkeyutl -verify -pubin -inkey evidence.pub -rawin -in SHA256SUMS
-sigfile evidence.sig` the signature: neither needs facewarden.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from facewarden.core.errors import BadInputError
from facewarden.core.files import write_bytes, write_text
from facewarden.data.content import file_digest
from facewarden.data.text import printable

SUMS, SIGNATURE, PUBLIC = "SHA256SUMS", "evidence.sig", "evidence.pub"


@dataclass(frozen=True)
class Evidence:
    """The files behind a report.

    Attributes:
        files: path as in the list -> SHA-256.
        root: SHA-256 over the list, which stands for all of them.
        sizes: path -> bytes.
    """

    files: dict[str, str]
    root: str
    sizes: dict[str, int]

    @property
    def sums(self) -> str:
        """The list, as `sha256sum` writes it."""
        return "".join(f"{digest}  {name}\n" for name, digest in self.files.items())


def collect_evidence(folder: Path, *, also: Iterable[Path] = (), leave_out: Iterable[str] = ()) -> Evidence:
    """Hash every file of a folder and some beside it.

    Args:
        folder: whose files are named as seen from it.
        also: further files; named by their file name, with `../` before it, since they lie elsewhere.
        leave_out: names of files of the report itself, which comes after its evidence.

    Raises:
        BadInputError: a file that cannot be read.
    """
    skipped = set(leave_out)
    named = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).parts[0] not in skipped and not path.name.startswith(".")
    }
    named |= {f"../{path.name}": path for path in also if not path.resolve().is_relative_to(folder.resolve())}
    files, sizes = {}, {}
    for name, path in named.items():
        try:
            files[printable(name)] = file_digest(path).hex()
            sizes[printable(name)] = path.stat().st_size
        except OSError as error:
            raise BadInputError(f"{printable(path)}: cannot be read: {error}", hint="make it readable") from error
    held = Evidence(files, "", sizes)
    return Evidence(files, hashlib.sha256(held.sums.encode()).hexdigest(), sizes)


def write_evidence(evidence: Evidence, folder: Path, *, key: Path | None) -> tuple[Path, ...]:
    """Write the list and, with a key, its signature and public key.

    Args:
        evidence: of `collect_evidence`.
        folder: to write to.
        key: PEM file with an Ed25519 private key.

    Raises:
        BadInputError: no such key, another kind of key, or the extra `sign` is missing.
    """
    written = [write_text(folder / SUMS, evidence.sums)]
    if key is not None:
        signature, public = _signed(evidence.sums.encode(), key)
        written += [write_bytes(folder / SIGNATURE, signature), write_bytes(folder / PUBLIC, public)]
    return tuple(written)


def check_key(key: Path) -> None:
    """Refuse a key that cannot sign, before anything is measured.

    Raises:
        BadInputError: as in `write_evidence`.
    """
    _signed(b"", key)


def _signed(data: bytes, key: Path) -> tuple[bytes, bytes]:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    except ImportError as error:
        raise BadInputError(
            "a signature needs the package cryptography", hint='pip install "facewarden[sign]", or leave --sign out'
        ) from error
    hint = f"openssl genpkey -algorithm ed25519 -out {key.name} makes one"
    try:
        private = serialization.load_pem_private_key(key.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise BadInputError(f"{printable(key)}: no private key that can be read: {error}", hint=hint) from error
    if not isinstance(private, Ed25519PrivateKey):
        raise BadInputError(f"{printable(key)}: {type(private).__name__} is no Ed25519 key", hint=hint)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.sign(data), public
