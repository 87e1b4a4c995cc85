"""`python -m facewarden`."""

import sys

from facewarden.cli import main

sys.exit(main())
