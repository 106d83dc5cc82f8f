"""What the checks of infra/ share."""

import os
import pathlib
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
INFRA = ROOT / "infra"


class Failed(Exception):
    """A check that says no, and why."""


def run(*command, **options):
    """What a command prints; its whole output where it fails."""
    options = {"cwd": ROOT, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **options}
    done = subprocess.run([str(c) for c in command], text=True, check=False, **options)
    if done.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def binary():
    """The binary of weir."""
    named = os.environ.get("WEIR_BINARY")
    for path in [named] if named else ["target/release/weir", "target/debug/weir"]:
        if (ROOT / path).is_file():
            return (ROOT / path).resolve()
    raise Failed("there is no binary: cargo build --release -p weir, or set WEIR_BINARY")


def until(seconds, what, condition):
    """Waits for a condition that gives something; what it gives."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise Failed(f"not within {seconds} s: {what}")
        time.sleep(0.25)


class Table:
    """The checks, what each found and how long it took."""

    def __init__(self):
        self.rows = []

    def check(self, name, function, *arguments):
        """Runs one; a failure is told and counted."""
        begun = time.monotonic()
        try:
            said, good = function(*arguments) or "", True
        except Failed as failed:
            said, good = str(failed), False
        self.rows.append((name, good, said, time.monotonic() - begun))
        head, *rest = said.splitlines() or [""]
        mark, took = "ok  " if good else "FAIL", self.rows[-1][3]
        print(f"{mark} {name:<34} {took:6.1f} s  {head}", flush=True)
        for line in rest if not good else []:
            print(f"     {line}")
        return good

    def close(self):
        """The line at the end; the exit status."""
        failed = sum(not good for _, good, _, _ in self.rows)
        print(f"{len(self.rows) - failed} passed, {failed} failed")
        return 1 if failed or not self.rows else 0
