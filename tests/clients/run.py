#!/usr/bin/env python3
"""Real clients, told by `weir connect` to send to a running system: its numbers are those of the model API.

    run.py WEIR CLIENTS [NAME...]

WEIR is the binary, CLIENTS the folder that scripts/test-clients fills, NAME a client (all where none
is given). Every wait has a limit. Prints a line for each check, then how many passed and failed.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import cases
import producers
from fake_api import FILE, Api, ledger

STARTED, RUN, ARRIVED = 180, 90, 60
PERSON = ("ada@example.com", "search")
COLUMNS = ("input", "cache_read", "cache_write", "output", "reasoning")


class Failed(Exception):
    """A check that did not hold, in words."""


class System:
    """A running `weir up` on a data directory of its own."""

    def __init__(self, binary: str, folder: Path) -> None:
        self.binary, self.data = binary, folder / "data"
        up = [binary, "--data-dir", str(self.data), "up", "--gateway", "127.0.0.1:0",
              "--otlp-grpc", "127.0.0.1:0", "--raw-partitions", "1", "--partials", "1"]
        self.log = open(folder / "up.log", "w")
        self.process = subprocess.Popen(up, stdout=self.log, stderr=self.log, start_new_session=True)
        until = time.monotonic() + STARTED
        while True:
            done = self.run("status", "--secrets", "--json", check=False)
            if done.returncode == 0:
                self.status = json.loads(done.stdout)
                return
            if time.monotonic() > until or self.process.poll() is not None:
                log = (folder / "up.log").read_text()
                self.stop()
                raise Failed(f"weir up is not ready: {done.stderr}\n{log[-2000:]}")
            time.sleep(0.5)

    def run(self, *arguments: str, env: dict | None = None, check: bool = True):
        done = subprocess.run(
            [self.binary, "--data-dir", str(self.data), *arguments], env=env,
            capture_output=True, text=True, timeout=RUN,
        )
        if check and done.returncode != 0:
            raise Failed(f"weir {' '.join(arguments)} ended with {done.returncode}: {done.stderr}")
        return done

    def query(self, sql: str) -> list[dict]:
        lines = self.run("query", "--json", sql).stdout.splitlines()
        return [json.loads(line) for line in lines]

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(RUN)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.log.close()


def environment(home: Path, more: dict[str, str]) -> dict[str, str]:
    """Nothing of ours but the path; and what is not on this machine is not reached."""
    nowhere = "http://127.0.0.1:9"
    return {
        "HOME": str(home), "USER": "ada", "LOGNAME": "ada", "LANG": "C.UTF-8", "TERM": "dumb",
        "SHELL": "/bin/sh", "PATH": os.environ["PATH"], "TMPDIR": str(home / "tmp"),
        "OTEL_RESOURCE_ATTRIBUTES": f"user.email={PERSON[0]},team={PERSON[1]}",
        "HTTP_PROXY": nowhere, "HTTPS_PROXY": nowhere, "https_proxy": nowhere, "http_proxy": nowhere,
        "NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost", **more,
    }


def found(system: System, where: str) -> dict:
    """What the system counts, of calls and tools whose resource fits."""
    # What is unknown of all is unknown; failed calls have none.
    sums = ", ".join(
        f"if(countIf(tokens_{c} IS NOT NULL AND success) = 0, NULL, sumIf(tokens_{c}, success)) AS {c}"
        for c in COLUMNS)
    calls = system.query(
        f"SELECT countIf(success) AS calls, countIf(NOT success) AS failed, {sums} FROM "
        f"(SELECT * FROM llm_call_events WHERE {where} LIMIT 1 BY event_id)")[0]
    tools = system.query(f"SELECT uniqExact(event_id) AS tools FROM tool_called_events WHERE {where}")[0]
    return {k: None if v is None else int(v) for k, v in {**calls, **tools}.items()}


def compare(system: System, where: str, wanted: dict) -> None:
    """Waits until the numbers are the wanted ones."""
    until = time.monotonic() + ARRIVED
    while (numbers := found(system, where)) != wanted:
        if time.monotonic() > until:
            differ = {k: (numbers[k], wanted[k]) for k in wanted if numbers[k] != wanted[k]}
            raise Failed(f"found and wanted differ: {differ}")
        time.sleep(0.5)


def belongs(system: System, where: str) -> None:
    """Every call is of the person that the environment names."""
    whose = system.query(
        f"SELECT DISTINCT engineer_email AS email, engineer_team AS team FROM llm_call_events WHERE {where}")
    if [(w["email"], w["team"]) for w in whose] != [PERSON]:
        raise Failed(f"calls are of {whose}")


def connect(system: System, case: cases.Case, home: Path, env: dict[str, str]) -> None:
    """Writes the settings; a second time changes nothing, and what was there before is there."""
    def texts() -> dict[Path, str]:
        return {p: p.read_text() for p in home.rglob("*") if p.is_file()}

    first = system.run("connect", case.client, "--write", env=env).stdout
    token = system.status["secrets"]["gateway"]["token"]
    if token in first or "+" not in first:
        raise Failed(f"the diff of {case.client} shows the token, or nothing: {first}")
    before = texts()
    if not any(token in text for text in before.values()):
        raise Failed("no settings have the token")
    if system.run("connect", case.client, "--write", env=env).stdout or texts() != before:
        raise Failed("a second --write changes something")
    for path, kept in case.kept.items():
        if kept not in (home / path).read_text():
            raise Failed(f"{path} lost {kept}")


def variables(home: Path, files: list[str]) -> dict[str, str]:
    """What a shell has after it read these files."""
    read = "; ".join(f". {home / f}" for f in files)
    shown = subprocess.run(["sh", "-c", f"{read}; env -0"], env={}, capture_output=True, text=True, check=True)
    return dict(v.split("=", 1) for v in shown.stdout.split("\0") if v and not v.startswith(("PWD=", "_=")))


@dataclass
class Run:
    """What every check needs."""

    system: System
    api: Api
    # What was found, to look at once more.
    found: list[tuple[str, dict]] = field(default_factory=list)
    limit: int = RUN
    failed = Failed
    environment = staticmethod(environment)
    variables = staticmethod(variables)
    belongs = staticmethod(belongs)

    def compare(self, where: str, wanted: dict, said: str) -> None:
        """Says what the client said too, where the numbers are others."""
        try:
            compare(self.system, where, wanted)
        except Failed as why:
            raise Failed(f"{why}\n{said}") from why
        self.found.append((where, wanted))
        print(f"     {wanted}")

    def once_more(self) -> None:
        """Nothing came on top since: exporters that send again, clients that end late."""
        for where, wanted in self.found:
            numbers = found(self.system, where)
            if numbers != wanted:
                raise Failed(f"{where}: {numbers} is no longer {wanted}")


def client(run: Run, case: cases.Case, home: Path) -> None:
    """Sets a client up, runs it, and compares."""
    system, api = run.system, run.api
    project = home / "project"
    for folder in (project, home / "tmp"):
        folder.mkdir(parents=True)
    (project / FILE).write_text("def add(a, b):\n    return a + b\n")
    subprocess.run(["git", "init", "-q", str(project)], check=True)
    for path, text in case.settings.items():
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(text)
    env = environment(home, case.env(api.url(case.name)))
    connect(system, case, home, env)
    if case.profile:
        env |= variables(home, case.profile)
    api.project, api.plans[case.name] = str(project), list(case.plan)
    outputs = []
    for command in case.commands:
        done = subprocess.run(command, cwd=project, env=env, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=RUN)
        said = done.stdout[-1500:] + done.stderr[-1500:]
        outputs.append(f"{Path(command[0]).name} ended with {done.returncode}\n{said}")
    given = api.of(case.name)
    left = api.plans[case.name]
    if left or not given:
        raise Failed(f"it asked {len(given)} times, and not for {left}:\n" + "\n".join(outputs))
    wanted = case.told(ledger(given))
    run.compare(f"resource['weir.emitter'] = '{case.emitter}'", wanted, "\n".join(outputs))
    belongs(system, f"resource['weir.emitter'] = '{case.emitter}'")
    came = json.loads(system.run("connect", case.client, "--check", "--json").stdout)["came"]
    calls = sum(c["records"] for c in came if c["event"] == "llm.call")
    if calls < wanted["calls"] + wanted["failed"]:
        raise Failed(f"--check says {came}")


def sources(run: Run) -> None:
    """`weir sources` has each emitter with what was found of it, and says what is to be mended."""
    unknown(run.system)
    until = time.monotonic() + ARRIVED
    while True:
        rows = {r["emitter"]: r for r in json.loads(run.system.run("sources", "--json").stdout)}
        if "acme" in rows or time.monotonic() > until:
            break
        time.sleep(0.5)
    if "acme" not in rows or not any("declare it" in fix for fix in rows["acme"]["to_fix"]):
        raise Failed(f"what nobody declares is not told of: {rows}")
    for where, wanted in run.found:
        row = next((r for e, r in rows.items() if where == f"resource['weir.emitter'] = '{e}'"), None)
        if row is None:
            continue
        events = {"llm.call": wanted["calls"] + wanted["failed"], "tool.called": wanted["tools"]}
        counted = {event: row["events"].get(event, 0) for event in events}
        if counted != events or row["not_understood"]:
            raise Failed(f"{where}: {row} is not {events}, all understood")
    print(run.system.run("sources").stdout, end="")


def unknown(system: System) -> None:
    """Sends a record of which no declaration knows."""
    scope = {"scope": {"name": "acme", "version": "7"}, "logRecords": [{"eventName": "acme.done"}]}
    body = json.dumps({"resourceLogs": [{"scopeLogs": [scope]}]}).encode()
    token = system.status["secrets"]["gateway"]["token"]
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    url = system.status["otlp"] + "/v1/logs"
    urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=RUN).close()


def check(name: str, what, *arguments) -> bool:
    begun = time.monotonic()
    try:
        what(*arguments)
    except Exception as why:
        said = str(why) if isinstance(why, Failed) else repr(why)
        print(f"FAIL {name} ({time.monotonic() - begun:.1f} s): {said}", flush=True)
        return False
    print(f"ok   {name} ({time.monotonic() - begun:.1f} s)", flush=True)
    return True


def main() -> int:
    binary, clients, only = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    with tempfile.TemporaryDirectory(prefix="weir-clients-") as folder:
        folder = Path(folder)
        api = Api(str(folder))
        system = System(binary, folder)
        run = Run(system, api)
        try:
            outcomes = []
            for case in cases.agents(clients / "bin", api):
                if not only or case.name in only:
                    home = folder / case.name
                    outcomes.append(check(case.name, client, run, case, home))
            for name, what in producers.ALL.items():
                if not only or name in only:
                    outcomes.append(check(name, what, run, clients, folder / name))
            outcomes.append(check("nothing on top", run.once_more))
            outcomes.append(check("sources", sources, run))
            if api.unknown:
                print(f"asked for and not there: {sorted(set(api.unknown))}")
        finally:
            system.stop()
            api.stop()
    passed = sum(outcomes)
    print(f"{passed} passed, {len(outcomes) - passed} failed")
    return 0 if outcomes and all(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
