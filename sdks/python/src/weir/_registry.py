"""Ids of schemas, as the registry of weir's gateway gives them."""

from __future__ import annotations

import json
import time
from typing import Any, Dict, Optional, Tuple
from urllib.parse import quote

from ._avro import UNFIT, Refused
from ._config import Settings
from ._http import BLOCKED, MAX_ANSWER, RETRY, SPLIT, Answer, connect, failed, read, until
from ._records import UNKNOWN_TYPE, topic
from ._version import __version__

# A type that is not known may be declared meanwhile.
ASK_AGAIN = 60.0


class Unanswered(Exception):
    """There is no id yet: what to do with the batch."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.detail)
        self.answer = answer


class Registry:
    """Asks the registry; used by one thread."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.url
        self._timeout = settings.timeout
        self._refused: Dict[str, Tuple[float, Refused]] = {}
        self._headers = {
            "Accept": "application/json",
            "Connection": "close",
            "Content-Type": "application/vnd.schemaregistry.v1+json",
            "User-Agent": f"weir-sdk-python/{__version__}",
        }
        if settings.token:
            self._headers["Authorization"] = f"Bearer {settings.token}"

    def ask(self, name: str, schema: Optional[str]) -> Tuple[int, Any]:
        """Id and schema of an event type: of the given schema, which is registered where it is not
        yet, or of the newest one. Raises Refused or Unanswered."""
        until, refused = self._refused.get(name, (0.0, None))
        if refused is None or time.monotonic() >= until:
            try:
                return self._asked(name, schema)
            except Refused as found:
                self._refused[name] = (time.monotonic() + ASK_AGAIN, found)
                raise
        # Another one, for each has a place in its batch.
        raise Refused(refused.code, refused.message)

    def _asked(self, name: str, schema: Optional[str]) -> Tuple[int, Any]:
        try:
            status, headers, text = self._exchange(name, schema)
        except Exception as error:
            raise Unanswered(failed(error)) from error
        try:
            told = json.loads(text)
        except ValueError:
            told = None
        told = told if isinstance(told, dict) else {}
        if "error_code" in told and status in (404, 409, 422):
            code = UNKNOWN_TYPE if status == 404 else UNFIT
            raise Refused(code, str(told.get("message")))
        answer = read(status, headers, text)
        if status != 200:
            if answer.verdict == SPLIT:
                answer.verdict = RETRY
            raise Unanswered(answer)
        try:
            id = told["id"]
            found = json.loads(told["schema"]) if schema is None else None
            if isinstance(id, int) and 0 <= id < 1 << 32:
                return id, found
        except (LookupError, ValueError, TypeError):
            pass
        raise Unanswered(Answer(BLOCKED, "not-a-registry", "200, but not in a registry's words"))

    def _exchange(self, name: str, schema: Optional[str]) -> Tuple[int, Any, bytes]:
        connection, path = connect(self._url, self._timeout)
        until(connection, time.monotonic() + self._timeout)
        path += f"/subjects/{quote(topic(name), safe='')}-value/versions"
        try:
            if schema is None:
                connection.request("GET", path + "/latest", headers=self._headers)
            else:
                body = json.dumps({"schemaType": "AVRO", "schema": schema}).encode()
                connection.request("POST", path, body, self._headers)
            response = connection.getresponse()
            return response.status, response.headers, response.read(MAX_ANSWER + 1)
        finally:
            connection.close()
