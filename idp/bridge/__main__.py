"""``python3 -m idp.bridge``."""

import sys

from idp.bridge.cli import main

if __name__ == "__main__":
    sys.exit(main())
