"""`python -m facewarden.cli`."""

import sys

from facewarden.cli import main

sys.exit(main())
