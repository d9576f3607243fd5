"""`python -m deploy.cli`, which ./calltrack runs."""

import sys

from deploy.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
