"""`python -m engine …` is `ecif …`."""

import sys

from engine.cli import main

sys.exit(main())
