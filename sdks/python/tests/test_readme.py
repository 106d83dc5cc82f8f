"""The example of the README runs as printed."""

import re
from pathlib import Path

from hostile import Hostile
from test_host import run

README = Path(__file__).resolve().parents[1] / "README.md"


def test_the_example_runs_and_tells_what_it_says():
    example = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.S).group(1)
    with Hostile() as server:
        done, _ = run(example, WEIR_URL=server.url)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("True {'sent': 5,")
        assert [event["type"] for event in server.events] == [
            "capability.executed",
            "capability.executed",
            "llm.call",
            "productivity.recorded",
            "engineer.registered",
        ]
        assert server.events[0]["tokens_saved"] == 1200
