"""The client: what a host program holds."""

from __future__ import annotations

import asyncio
import functools
import json
import time
from typing import Any, Dict, Mapping, Optional

from . import _wrap
from ._capability import Capability
from ._config import Kafka, Person, common, names, person, settings
from ._encode import encode
from ._events import Events
from ._ids import uuid7
from ._log import Notes
from ._pipeline import Pipeline
from ._privacy import Privacy

MAX_EVENT = 256 << 10


class Client(Events):
    """Sends events to weir's gateway, or straight to Kafka, in the background.

    No method raises, blocks for the network, or keeps the process from ending. What is not given
    here is taken from `WEIR_URL`, `WEIR_TOKEN`, `WEIR_SOURCE`, `WEIR_ENGINEER`, `WEIR_TEAM`,
    `WEIR_PRIVACY`, `WEIR_PRIVACY_FOLDER`, `WEIR_TENANT`, `WEIR_KAFKA` and `WEIR_SPOOL`;
    `WEIR_DISABLED=1` switches it off, `WEIR_DEBUG=1` prints what is sent.

    source: the instance that emits, e.g. the host or job; left out, the token's name, and with
        kafka the host's.
    engineer: whose events these are: an address, or {"email": ..., "team": ...}.
    resource: OpenTelemetry resource attributes of every event.
    privacy: "pseudonymise" writes pseudonyms in place of names before anything is queued; it needs
        privacy_folder, which has the secret key, and tenant (docs/privacy.md).
    kafka: brokers ("host:9092,…") or librdkafka's properties: events go there and not to the
        gateway, which is asked for ids of schemas alone. It needs tenant, and the package
        `weir-sdk[kafka]`. The gateway's checks of bounds come later then: as dead letters.
    spool: a folder in which batches wait while the gateway is away.
    limits: max_events, max_bytes (of the queue), batch_events, batch_bytes, flush_interval,
        timeout (of a request), exit_timeout, spool_bytes. Seconds and bytes.
    """

    def __init__(
        self,
        url: Optional[str] = None,
        token: Optional[str] = None,
        *,
        source: Optional[str] = None,
        engineer: Optional[Person] = None,
        team: Optional[str] = None,
        resource: Optional[Mapping[str, str]] = None,
        privacy: Optional[str] = None,
        privacy_folder: Optional[str] = None,
        tenant: Optional[str] = None,
        kafka: Optional[Kafka] = None,
        spool: Optional[str] = None,
        disabled: Optional[bool] = None,
        debug: Optional[bool] = None,
        **limits: Any,
    ) -> None:
        self._notes = Notes(bool(debug))
        self._pipeline: Optional[Pipeline] = None
        self._engineer: Optional[Dict[str, str]] = None
        self._common: Dict[str, Any] = {}
        self._privacy: Optional[Privacy] = None
        try:
            own = {"tenant": tenant, "kafka": kafka, "spool": spool}
            found = settings(url, token, {**own, "disabled": disabled, "debug": debug, **limits})
            self._notes = Notes(found.debug)
            self._engineer = person(engineer, team)
            self._common = common(source, resource, found.kafka is not None)
            self._privacy = names(privacy, privacy_folder, tenant)
            if not found.disabled:
                self._pipeline = Pipeline(found, self._notes)
        except Exception as error:
            self._notes.once("settings", f"nothing is sent, the settings are wrong: {error}")

    def emit(self, type: str, fields: Mapping[str, Any], **envelope: Any) -> None:
        """Sends an event of any type, with fields by the names of its schema. `envelope` may have
        event_id, event_time, source and resource; what is None is left out."""
        try:
            self._emit(type, {**fields, **envelope})
        except Exception as error:
            self._complain(type, error)

    def capability(self, name: str, **fields: Any) -> Capability:
        """Measures an execution: `with client.capability("review"):`, or as a decorator."""
        return Capability(self._emit_quietly, {**fields, "capability": name})

    def wrap_openai(self, openai: Any, **about: Any) -> Any:
        """The OpenAI client (also async and Azure), each call of which is told as `llm.call`.

        about: category, session_id, engineer, provider; stream_usage=True asks for the usage of
        streams where the address is not OpenAI's own (there it is asked for anyway)."""
        return self._wrap(_wrap.openai, openai, about)

    def wrap_anthropic(self, anthropic: Any, **about: Any) -> Any:
        """The Anthropic client (also async), each call of which is told as `llm.call`.

        about: category, session_id, engineer, provider."""
        return self._wrap(_wrap.anthropic, anthropic, about)

    def flush(self, timeout: float = 5.0) -> bool:
        """Waits until what was emitted before is answered (or spooled); False where it is not yet.
        The one call that waits."""
        return self._pipeline is None or self._pipeline.flush(timeout)

    async def aflush(self, timeout: float = 5.0) -> bool:
        """As flush, without holding up the event loop."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, functools.partial(self.flush, timeout))

    def close(self, timeout: Optional[float] = None) -> bool:
        """Sends what is queued and takes no more; at the exit this happens by itself. Whether all
        was answered or spooled."""
        if self._pipeline is None:
            return True
        return self._pipeline.close(self._pipeline.patience if timeout is None else timeout)

    def stats(self) -> Dict[str, int]:
        """Events since the start (of this process): sent, refused by the gateway or for their
        form, dropped at a full queue, spooled, lost at the exit; queued now."""
        names = ("sent", "refused", "dropped", "spooled", "lost", "queued")
        return {name: getattr(self._pipeline, name, 0) for name in names}

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_how: Any) -> None:
        self.close()

    # For the generated methods and the wrappers

    def _emit(self, type: str, fields: Dict[str, Any], person_field: Optional[str] = None) -> None:
        pipeline = self._pipeline
        if pipeline is None:
            return
        micros = time.time_ns() // 1000
        event: Dict[str, Any] = {"type": type, "event_time": micros, **self._common}
        event.update({name: value for name, value in fields.items() if value is not None})
        if "event_id" not in event:
            event["event_id"] = uuid7(micros)
        if fields.get("resource") is not None and "resource" in self._common:
            event["resource"] = {**self._common["resource"], **fields["resource"]}
        if person_field is not None:
            who = event.get(person_field)
            if who is None:
                if self._engineer is not None and person_field == "engineer":
                    event[person_field] = self._engineer
            elif isinstance(who, str):
                event[person_field] = {"email": who}
        line = encode(event)
        if self._privacy is not None:
            # What is plain JSON holds no name in a form of its own.
            line = encode(self._privacy.hidden(json.loads(line)))
        if len(line) > MAX_EVENT:
            raise ValueError(f"it has {len(line)} bytes, at most {MAX_EVENT} are sent")
        pipeline.put(line)

    def _emit_quietly(self, type: str, fields: Dict[str, Any]) -> None:
        try:
            self._emit(type, fields, "engineer")
        except Exception as error:
            self._complain(type, error)

    def _complain(self, type: str, error: BaseException) -> None:
        if self._pipeline is not None:
            self._pipeline.refused += 1
        self._notes.once(f"{type} {error}", f"an event {type} was not sent: {error}")

    def _wrap(self, how: Any, given: Any, about: Dict[str, Any]) -> Any:
        try:
            how(given, _wrap.Calls(self._emit_quietly, self._notes, about))
        except Exception as error:
            self._notes.once("wrap", f"calls of {given!r} are not measured: {error}")
        return given
