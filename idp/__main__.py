"""``python3 -m idp``: make the environment, then hand over. Standard library only."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  a system's old python is what this line is for
    sys.exit("Một Cửa needs Python 3.11 or newer: run it with a newer python3.")

from idp.bootstrap import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
