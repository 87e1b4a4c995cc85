"""Download one archive of a PyPI release with pip's own settings, without ever running the release's setup.

`pip download` runs the setup of an sdist to read its metadata. This script stops before that: it lets pip read its
configuration, search the configured indexes (mirrors, proxies, certificates, credentials, `--find-links`) and send the
request, and writes the bytes of the one file that was asked for. It runs as a process of its own:

    python -P _pip_archive.py PACKAGE VERSION FILENAME TARGET BYTES

Exit status: 0 written; 3 no such file in the indexes; 4 the connection failed; 5 pip is missing or too different;
6 more than BYTES came, and the rest was not read.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

NOT_FOUND, NO_CONNECTION, NO_PIP, TOO_LONG = 3, 4, 5, 6


def main(arguments: list[str]) -> int:
    """Run the download; see the module's docstring for arguments and exit status."""
    package, version, filename, target, most = arguments
    left = int(most)
    try:
        command: Any = importlib.import_module("pip._internal.commands").create_command("download")
        connection_errors = importlib.import_module("pip._vendor.requests.exceptions").RequestException
        network_error = importlib.import_module("pip._internal.exceptions").NetworkConnectionError
    except (ImportError, AttributeError) as error:
        sys.stderr.write(f"{error}\n")
        return NO_PIP

    def run(options: Any, _: list[str]) -> int:
        nonlocal left
        try:
            session = command.get_default_session(options)
            finder = command._build_package_finder(options=options, session=session)
            candidates = finder.find_all_candidates(package)
        except (AttributeError, TypeError) as error:
            sys.stderr.write(f"{error}\n")
            return NO_PIP
        links = [c.link for c in candidates if str(c.version) == version and c.link.filename == filename]
        if not links:
            return NOT_FOUND
        try:
            # Without `identity` a server may wrap the archive in another gzip layer.
            reply = session.get(links[0].url_without_fragment, stream=True, headers={"Accept-Encoding": "identity"})
            reply.raise_for_status()
            with Path(target).open("wb") as out:
                for chunk in reply.iter_content(1 << 16):
                    left -= len(chunk)
                    if left < 0:
                        return TOO_LONG
                    out.write(chunk)
        except (connection_errors, network_error) as error:
            sys.stderr.write(f"{error}\n")
            return NO_CONNECTION
        return 0

    # pip's `main` reads the configuration, sets up its log and closes the session; only the work is replaced.
    command.run = run
    return int(command.main(["--quiet", "--no-deps", "--disable-pip-version-check", "--retries", "2", package]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
