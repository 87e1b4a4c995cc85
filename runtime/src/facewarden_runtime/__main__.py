"""`facewarden-runtime score FOLDER PHOTO...` and `facewarden-runtime purify FOLDER PHOTO --out FILE`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from facewarden_runtime import ExportError, load_detector, load_purifier, read_photo, write_photo


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; 0, or 2 on bad input."""
    parser = argparse.ArgumentParser("facewarden-runtime", description="Run models that facewarden exported.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    score = verbs.add_parser("score", help="score the largest face of photos and decide")
    score.add_argument("folder", help="of an exported detector")
    score.add_argument("photos", nargs="+")
    purify = verbs.add_parser("purify", help="remove cloak perturbations from the faces of a photo")
    purify.add_argument("folder", help="of an exported purifier")
    purify.add_argument("photo")
    purify.add_argument("--out", required=True, help="file to write, .png keeps all pixels; not the photo itself")
    given = parser.parse_args(words)
    try:
        if given.verb == "purify":
            return _purify(given.folder, given.photo, given.out)
        return _score(given.folder, given.photos)
    except ExportError as error:
        _say(f"facewarden-runtime: {error}")
        return 2
    except BrokenPipeError:  # whoever reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except KeyboardInterrupt:
        return 130


def _purify(folder: str, photo: str, out: str) -> int:
    if Path(out).exists() and Path(photo).exists() and Path(out).samefile(photo):
        raise ExportError(f"{out}: the photo itself, which stays as it is; another --out")
    write_photo(out, load_purifier(folder).purify(read_photo(photo)))
    sys.stdout.write(f"{_plain(out)}\n")
    sys.stdout.flush()
    return 0


def _score(folder: str, photos: Sequence[str]) -> int:
    detector, failed = load_detector(folder), 0
    for name in photos:
        try:
            answer = detector.decide(read_photo(name))
        except ExportError as error:
            failed += 1
            _say(str(error) if str(error).startswith(name) else f"{name}: {error}")
            continue
        if answer.faces > 1:
            box = " ".join(f"{value:.0f}" for value in answer.box)
            _say(f"{name}: {answer.faces} faces, the largest one is scored (box {box})")
        verdict = "bona fide" if answer.accepted else "attack"
        sys.stdout.write(f"{_plain(name)}\t{answer.score:+.4f}\t{verdict}\n")
        sys.stdout.flush()
    return 2 if failed else 0


def _say(text: str) -> None:
    sys.stderr.write(f"{_plain(text)}\n")


def _plain(text: str) -> str:
    """One line of a table or a terminal: control characters and bytes that are no text show as escapes."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape", "backslashreplace").decode("ascii")
        for letter in text
    )


if __name__ == "__main__":
    sys.exit(main())
