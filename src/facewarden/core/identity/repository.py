"""What git says of a file: the commits that gave it its content, whether it has changed since, and older versions."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from facewarden.core.errors import BadInputError

_SECONDS = 60
_HISTORY = ("log", "--no-show-signature", "--exclude=refs/stash", "--all", "--root", "--date-order", "-m",
            "--no-renames")  # fmt: skip
PACKAGE = Path(__file__).parent.parent.parent


def head_commit(folder: Path) -> str:
    """The commit that is checked out in the repository of a folder.

    Raises:
        BadInputError: git is absent, or the folder is in no repository.
    """
    return _git(folder, "rev-parse", "--verify", "HEAD")


def changed_files(folder: Path) -> tuple[str, ...]:
    """Tracked files of the repository that differ from its commit.

    Raises:
        BadInputError: git is absent, or the folder is in no repository.
    """
    return tuple(_git(folder, "diff", "--name-only", "HEAD").splitlines())


def commits_of(path: Path) -> tuple[str, ...]:
    """The commits that gave a file its content, under this name or another, the oldest first.

    Raises:
        BadInputError: git is absent, or the file is in no commit, or has changed since; or the clone is shallow: its
            oldest commit seems to have added every file.
    """
    home, name = path.resolve().parent, path.name
    if _git(home, "rev-parse", "--is-shallow-repository") == "true":
        raise BadInputError(
            f"{path}: a shallow clone does not tell which commit added it", hint="git fetch --unshallow, then again"
        )
    if not _git(home, "log", "-n", "1", "--format=%H", "--", name):
        raise BadInputError(f"{path}: is in no commit", hint=f"git add {path} && git commit")
    if _git(home, "status", "--porcelain", "--", name):
        raise BadInputError(f"{path}: differs from what was committed", hint=f"git checkout -- {path}")
    content = _git(home, "hash-object", "--", name)
    found = _git(home, *_HISTORY, "--reverse", "--format=%H", f"--find-object={content}")
    return tuple(dict.fromkeys(found.splitlines()))


def versions_of(folder: Path, pattern: str) -> tuple[str, ...]:
    """The texts that files had in any commit of the repository.

    Args:
        folder: in the repository.
        pattern: of their paths from its top; a star stands for any characters, slashes too.

    Raises:
        BadInputError: git is absent, or the folder is in no repository.
    """
    lines = _git(folder, *_HISTORY, "--format=", "--raw", "--no-abbrev", "--", f":(top){pattern}").splitlines()
    contents = dict.fromkeys(line.split()[3] for line in lines if line.startswith(":"))
    return tuple(_git(folder, "cat-file", "blob", one) for one in contents if one.strip("0"))


def code_digest(package: Path = PACKAGE) -> str:
    """Digest of the sources of the package that runs: every Python file with its path, in the order of the paths."""
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(f"{path.relative_to(package).as_posix()}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _git(folder: Path, *words: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, errors="replace", timeout=_SECONDS,
            check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BadInputError(f"git cannot be run: {error}", hint="install git") from error
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [str(done.returncode)])[0]
        raise BadInputError(f"{folder}: git {words[0]} failed: {said}", hint="a folder in a git repository")
    return done.stdout.strip()
