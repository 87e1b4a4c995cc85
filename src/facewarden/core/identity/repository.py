"""What git says of a file: the commit that last changed it, and whether it is as that commit has it."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from facewarden.core.errors import BadInputError

_SECONDS = 60
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


def commit_of(path: Path) -> str:
    """The commit that gave a file the content that it has now.

    Raises:
        BadInputError: git is absent, or the file is in no commit, or has changed since; or the clone is shallow: its
            oldest commit seems to have added every file.
    """
    home, name = path.resolve().parent, path.name
    if _git(home, "rev-parse", "--is-shallow-repository") == "true":
        raise BadInputError(
            f"{path}: a shallow clone does not tell which commit added it", hint="git fetch --unshallow, then again"
        )
    commit = _git(home, "log", "-n", "1", "--format=%H", "--", name)
    if not commit:
        raise BadInputError(f"{path}: is in no commit", hint=f"git add {path} && git commit")
    if _git(home, "status", "--porcelain", "--", name):
        raise BadInputError(f"{path}: differs from what was committed", hint=f"git checkout -- {path}")
    return commit


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
            ["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=_SECONDS, check=False
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BadInputError(f"git cannot be run: {error}", hint="install git") from error
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [str(done.returncode)])[0]
        raise BadInputError(f"{folder}: git {words[0]} failed: {said}", hint="a folder in a git repository")
    return done.stdout.strip()
