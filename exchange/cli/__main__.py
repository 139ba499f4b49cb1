"""``python -m exchange.cli``: what the launcher runs."""

from __future__ import annotations

import sys

CTRL_C = 130


def main() -> None:
    """Ctrl-C ends it without a trace, also in the second that the imports take."""
    try:
        from exchange.cli.commands import run_command

        run_command()
    except KeyboardInterrupt:
        sys.exit(CTRL_C)


if __name__ == "__main__":
    main()
