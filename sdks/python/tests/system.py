"""A real system, of the binary that WEIR_BINARY names."""

import json
import os
import signal
import subprocess
import time

BINARY = os.environ.get("WEIR_BINARY")


class System:
    """`weir up` below a folder of its own."""

    def __init__(self, folder, **env):
        self.folder = folder
        self.log = open(folder / "up.log", "wb")
        self.process = subprocess.Popen(
            [BINARY, "--data-dir", str(folder / "data"), "up", "--gateway", "127.0.0.1:0"],
            stdout=self.log,
            stderr=self.log,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **env},
        )
        end = time.monotonic() + 90
        while True:
            done = self.ask("status", "--json", "--secrets")
            if done.returncode == 0 and json.loads(done.stdout).get("gateway"):
                break
            ended = self.process.poll() is not None
            if ended or time.monotonic() > end:
                self.stop()
                raise AssertionError((folder / "up.log").read_text() + done.stderr)
            time.sleep(0.5)
        status = json.loads(done.stdout)
        self.url = status["gateway"]
        self.api = status["api"]
        self.brokers = status["brokers"]
        self.token = status["secrets"]["gateway"]["token"]

    def ask(self, *words):
        command = [BINARY, "--data-dir", str(self.folder / "data"), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=180)

    def counts(self):
        """Counts by event type, of a verified log."""
        done = self.ask("verify", "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)["log"]["by_event"]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.log.close()
