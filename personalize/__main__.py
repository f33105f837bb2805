"""`python -m personalize` is the command line."""

from .cli import main

main()
