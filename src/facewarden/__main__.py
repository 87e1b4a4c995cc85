"""`python -m facewarden`, and the program `facewarden`: a stop is answered from the first lines on."""

from facewarden.core.guards.interrupts import done, install

install()  # before anything else is imported

import gc  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # idle threads that spin slow a busy machine
gc.set_threshold(10_000)  # imports make no garbage, and looking for it is a tenth of the start

from facewarden.cli import main  # noqa: E402


def run() -> None:
    """Run the command line and end the process with its code."""
    try:
        code = main()
    finally:
        done()
        gc.freeze()  # at its end Python would look through all objects of torch again, which takes half a second
    sys.exit(code)


if __name__ == "__main__":
    run()
