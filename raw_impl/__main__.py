"""`python -m raw_impl NAME`: serve with one of the raw drivers."""

import sys

from suite.serving import main

if __name__ == "__main__":
    sys.exit(main("raw_impl"))
