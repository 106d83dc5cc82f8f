"""The processes of docker-compose.yml without containers: the same commands, variables and ports.

Each service has a loopback address of its own in place of its container, so that all keep their
ports, and a name in a variable is replaced by the address.
"""

import os
import pathlib
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import urllib.error
import urllib.request

import static
from common import Failed, binary


class System:
    """Everything that was started, ended together."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-infra."))
        self.project = static.compose()
        self.children = {}
        net = secrets.randbelow(200) + 20
        names = [*self.project["services"], "receiver"]
        self.address = {name: f"127.77.{net}.{i + 10}" for i, name in enumerate(names)}
        self.password = secrets.token_hex(32)
        self.received = []
        self.receiver = None
        # Paths of the receiver that answer with an error.
        self.refused = set()

    def close(self):
        for child in self.children.values():
            if child.poll() is None:
                child.send_signal(signal.SIGCONT)
                child.terminate()
        for child in self.children.values():
            try:
                child.wait(15)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        if self.receiver:
            self.receiver.shutdown()
        shutil.rmtree(self.folder, ignore_errors=True)

    def placed(self, text, own=None):
        """A text of the compose file with addresses in place of names."""
        for name, address in self.address.items():
            text = re.sub(rf"(?<![\w.-]){re.escape(name)}:(?=\d)", f"{address}:", text)
        if own:
            for any_address in ("0.0.0.0:", "localhost:", "127.0.0.1:"):
                text = text.replace(any_address, f"{self.address[own]}:")
            text = text.replace("://:", f"://{self.address[own]}:")
        for mounted in ("/run/secrets/", "/etc/weir/"):
            text = text.replace(mounted, f"{self.folder}/")
        return text

    def start(self, name, command, environment=None):
        log = (self.folder / f"{name}.log").open("wb")
        base = {k: os.environ[k] for k in ("PATH", "HOME", "JAVA_HOME") if k in os.environ}
        self.children[name] = subprocess.Popen(
            [str(c) for c in command], stdout=log, stderr=log, cwd=self.folder,
            env={**base, **(environment or {})})

    def log(self, name):
        return "".join((self.folder / f"{name}.log").read_text(errors="replace")[-3000:])

    def alive(self, name):
        if self.children[name].poll() is not None:
            raise Failed(f"{name} ended with {self.children[name].returncode}:\n{self.log(name)}")
        return True

    def service(self, name):
        """A service of weir's as the compose file has it."""
        one = self.project["services"][name]
        variables = (one.get("environment") or {}).items()
        environment = {k: self.placed(v, own=name) for k, v in variables}
        # As the image has it: a directory that is there, for what commands write.
        environment["WEIR_DATA_DIR"] = str(self.folder)
        command = [self.placed(c, own=name) for c in one["command"]]
        return [binary(), *command], environment

    def healthy(self, name):
        """The health check of the image, at the address of the service."""
        self.alive(name)
        test = self.project["services"][name]["healthcheck"]["test"]
        command = [self.placed(c, own=name) for c in test[1:]]
        command[0] = str(binary())
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


def get(url, data=None, headers=None, timeout=30):
    """The body of an answer."""
    request = urllib.request.Request(url, data=data, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        raise Failed(f"{url} answers {error.code}: {error.read().decode()[:800]}") from error
    except OSError as error:
        raise Failed(f"{url}: {error}") from error


def answers(url):
    """Whether anything comes back."""
    try:
        get(url, timeout=2)
    except Failed:
        return False
    return True
