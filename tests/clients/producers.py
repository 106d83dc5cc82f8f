"""Programs with OpenTelemetry's SDKs, and a Kafka producer with Confluent's serialiser."""

import subprocess
import uuid
from datetime import datetime, timezone
from pathlib import Path

from cases import nothing_apart
from fake_api import ledger

HERE = Path(__file__).parent
SCHEMAS = HERE.parents[1] / "schemas/events"
EVENTS = 50
PATIENCE = 30


def python(run, clients: Path, home: Path) -> None:
    # Not the script by itself: its first line names the folder that it was installed in, which may have moved.
    own = clients / "python/bin/python"
    program(run, "python", home, [own, own.with_name("opentelemetry-instrument"), own, HERE / "program.py"], {})


def node(run, clients: Path, home: Path) -> None:
    modules = {"NODE_PATH": str(clients / "npm/node_modules")}
    program(run, "node", home, [clients / "bin/node", HERE / "program.cjs"], modules)


def program(run, name: str, home: Path, command: list, more: dict[str, str]) -> None:
    """Runs a program in the environment that `weir connect python` writes, and compares."""
    (home / "tmp").mkdir(parents=True)
    service = f"assistant-{name}"
    env = run.environment(home, {"OTEL_SERVICE_NAME": service, **more})
    run.system.run("connect", "python", "--write", env=env)
    env |= run.variables(home, [".config/weir/python.env"])
    run.api.plans[name] = ["tool", "refused"]
    url = run.api.url(name) + "/v1"
    done = subprocess.run([*map(str, command), url], env=env, cwd=home, capture_output=True,
                          text=True, timeout=run.limit)
    said = f"{name} ended with {done.returncode}: {done.stdout[-1500:]}{done.stderr[-1500:]}"
    given = ledger(run.api.of(name))
    if done.stdout.strip() != "400" or given["calls"] != 3:
        raise run.failed(f"it was given {given}; {said}")
    # No tool runs in it.
    where = f"resource['service.name'] = '{service}'"
    run.compare(where, nothing_apart(given) | {"tools": 0}, said)
    run.belongs(run.system, where)


def kafka(run, clients: Path, home: Path) -> None:
    """Writes events with the standard serialiser; the registry is the gateway."""
    from confluent_kafka import SerializingProducer
    from confluent_kafka.schema_registry import SchemaRegistryClient
    from confluent_kafka.schema_registry.avro import AvroSerializer

    status = run.system.status
    token = status["secrets"]["gateway"]["token"]
    registry = SchemaRegistryClient({
        "url": status["gateway"], "basic.auth.user.info": f"any:{token}", "timeout": PATIENCE,
    })
    schema = (SCHEMAS / "llm.call.avsc").read_text()
    producer = SerializingProducer({
        "bootstrap.servers": status["brokers"], "message.timeout.ms": PATIENCE * 1000,
        # It goes on looking for Kafka when that is stopped, and says so.
        "log_level": 0,
        "value.serializer": AvroSerializer(registry, schema),
    })
    lost = []
    for n in range(EVENTS):
        event = call(n)
        producer.produce("weir.events.llm.call", key=event["source"].encode(), value=event,
                         on_delivery=lambda error, _: error and lost.append(error))
    if producer.flush(PATIENCE) or lost:
        raise run.failed(f"Kafka did not take all: {lost[:3]}")
    subject = registry.get_latest_version("weir.events.llm.call-value")
    if registry.get_schema(subject.schema_id).schema_str != subject.schema.schema_str:
        raise run.failed("a schema is another one by its id than by its subject")
    good = [n for n in range(EVENTS) if n % 5]
    wanted = {
        "calls": len(good), "failed": EVENTS - len(good),
        "input": sum(100 + n for n in good), "output": sum(10 + n for n in good),
        "cache_read": sum(good), "cache_write": None, "reasoning": None, "tools": 0,
    }
    run.compare("source = 'confluent'", wanted, "")
    dead = run.system.query("SELECT code, message FROM dead_letters")
    if dead:
        raise run.failed(f"dead letters: {dead[:3]}")


def call(n: int) -> dict:
    return {
        "event_id": str(uuid.uuid4()), "event_time": datetime.now(timezone.utc), "tenant": "default",
        "source": "confluent", "engineer": {"email": f"e{n % 3}@example.com"}, "provider": "openai",
        "model": "gpt-5-mini", "tokens_input": 100 + n, "tokens_output": 10 + n, "tokens_cache_read": n,
        "success": n % 5 != 0,
    }


ALL = {"python": python, "node": node, "kafka": kafka}
