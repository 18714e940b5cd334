"""``python -m keytrail`` is the command line."""

from . import _main

if __name__ == "__main__":
    _main()
