"""``python -m exchange.cli``: what the launcher runs."""

from __future__ import annotations

import gc
import sys

CTRL_C = 130


def main() -> None:
    """Ctrl-C ends it without a trace, also in the second that the imports take."""
    try:
        # What is imported stays: looking for garbage meanwhile takes a seventh of a command's start (0.25 s of 1.8).
        gc.disable()
        from exchange.cli.commands import run_command

        gc.enable()
        run_command()
    except KeyboardInterrupt:
        sys.exit(CTRL_C)


if __name__ == "__main__":
    main()
