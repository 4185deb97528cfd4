"""``python -m idp.cli``."""

from idp.cli import main

main(prog_name="idp")
