"""`python -m twisted_impl [epoll|poll|select|producer]`: the options of `suite serve`; epoll by default."""

import sys

from suite.serving import main

if __name__ == "__main__":
    sys.exit(main("twisted_impl", default="epoll"))
