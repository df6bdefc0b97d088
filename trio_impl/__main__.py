"""`python -m trio_impl`: the options of `suite serve`."""

import sys

from suite.serving import main

if __name__ == "__main__":
    sys.exit(main("trio_impl"))
