"""`facewarden-runtime score FOLDER PHOTO...` and `facewarden-runtime purify FOLDER PHOTO --out FILE`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

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
    purify.add_argument("--out", required=True, help="file to write, .png keeps all pixels")
    given = parser.parse_args(words)
    try:
        if given.verb == "purify":
            write_photo(given.out, load_purifier(given.folder).purify(read_photo(given.photo)))
            sys.stdout.write(f"{given.out}\n")
            return 0
        detector, failed = load_detector(given.folder), 0
        for name in given.photos:
            try:
                answer = detector.decide(read_photo(name))
            except ExportError as error:
                failed += 1
                sys.stderr.write(f"{name}: {error}\n")
                continue
            verdict = "bona fide" if answer.accepted else "attack"
            sys.stdout.write(f"{name}\t{answer.score:+.4f}\t{verdict}\n")
        return 2 if failed else 0
    except ExportError as error:
        sys.stderr.write(f"facewarden-runtime: {error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
