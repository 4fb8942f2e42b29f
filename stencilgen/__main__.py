"""`python -m stencilgen` is `stencilgen`."""

import sys

from stencilgen.cli import main

sys.exit(main())
