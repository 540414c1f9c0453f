"""`python -m vchlang.tether DIR`."""

import sys

from .main import main

raise SystemExit(main(sys.argv[1:]))
