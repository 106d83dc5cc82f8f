"""What the checks of infra/ share."""

import os
import pathlib
import shutil
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
INFRA = ROOT / "infra"


class Failed(Exception):
    """A check that says no, and why."""


class Missing(Exception):
    """A check that needs a program that is not here."""


def needs(*programs):
    """Says which of the programs are not here."""
    missing = [p for p in programs if not shutil.which(p)]
    if missing:
        raise Missing(f"no {', '.join(missing)} here")


def run(*command, **options):
    """What a command prints; its whole output where it fails."""
    needs(str(command[0]))
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
        """Runs one; a failure is told and counted, and so is what a program is missing for."""
        begun = time.monotonic()
        try:
            said, good = function(*arguments) or "", True
        except Failed as failed:
            said, good = str(failed), False
        except Missing as missing:
            said, good = f"not checked: {missing}", None
        self.rows.append((name, good, said, time.monotonic() - begun))
        head, *rest = said.splitlines() or [""]
        mark, took = {True: "ok  ", False: "FAIL", None: "----"}[good], self.rows[-1][3]
        print(f"{mark} {name:<34} {took:6.1f} s  {head}", flush=True)
        for line in rest if not good else []:
            print(f"     {line}")
        return good

    def close(self):
        """The line at the end; the exit status."""
        passed = sum(good is True for _, good, _, _ in self.rows)
        failed = sum(good is False for _, good, _, _ in self.rows)
        left = [(name, said) for name, good, said, _ in self.rows if good is None]
        for name, said in left:
            print(f"{name}: {said}")
        print(f"{passed} passed, {failed} failed, {len(left)} skipped")
        return 1 if failed or not passed else 0
