"""How long a command takes that only says what it is: heavy imports must not be paid for."""

import sys

from measuring import measure_rounds, row, run


def main():
    def measure(command):
        return {"version": run(command, "version"), "help": run(command, "--help")}

    found = measure_rounds(measure)
    good = row("version", found["version"], limit_s=0.2)
    good &= row("--help", found["help"], limit_s=0.2)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
