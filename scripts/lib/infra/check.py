"""scripts/check-infra: runs the checks and prints a table."""

import signal
import sys

import chart
import live
import static
from common import Table


def main(arguments):
    """All checks, or those that are asked for."""
    # What was started is ended, whoever ends this.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    table = Table()
    if "--live" not in arguments:
        for name, function in {**static.CHECKS, **chart.CHECKS}.items():
            table.check(name, function)
    if "--static" not in arguments:
        live.checks(table)
    return table.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
