"""``python -m painlens``: the command line."""

from painlens.cli import main

main()
