"""`python -m portazgo`: the same as the `portazgo` command."""

import sys

from portazgo.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
