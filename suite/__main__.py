"""`python -m suite`, and the `suite` command: Ctrl-C is no traceback, from the first import on."""

import sys

__all__ = ("main",)


def main() -> int:
    """Run the command; return its exit code."""
    try:
        from suite import cli  # noqa: PLC0415 - see above

        return cli.main()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
