"""Settings of a client: arguments first, then the environment, then defaults."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Union
from urllib.parse import urlsplit

from ._privacy import OFF, PSEUDONYMISE, Privacy, read_key

DEFAULT_URL = "http://127.0.0.1:4318"

Person = Union[str, Mapping[str, str]]
Kafka = Union[str, Mapping[str, Any]]


def flag(name: str) -> bool:
    """Whether the environment switches something on."""
    return os.environ.get(name, "").strip().lower() in ("1", "true", "yes", "on")


def address(url: str) -> str:
    """An address of http or https, without spaces and slashes at its end. Raises ValueError."""
    url = url.strip().rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"url {url!r} is not an http or https address")
    parts.port  # noqa: B018  raises where it is no number
    return url


@dataclass(frozen=True)
class Settings:
    """What the parts of a client share. Times are in seconds, sizes in bytes."""

    url: str
    token: str
    disabled: bool
    debug: bool
    max_events: int = 10_000
    max_bytes: int = 8 << 20
    batch_events: int = 500
    batch_bytes: int = 512 << 10
    flush_interval: float = 1.0
    timeout: float = 10.0
    exit_timeout: float = 2.0
    spool: Optional[str] = None
    spool_bytes: int = 64 << 20
    # Properties of librdkafka, where batches go straight to Kafka; for this tenant.
    kafka: Optional[Mapping[str, Any]] = None
    tenant: str = ""

    def __post_init__(self) -> None:
        """Refuses what could not work; a batch is never larger than the queue."""
        address(self.url)
        for name in ("max_events", "max_bytes", "batch_events", "batch_bytes", "spool_bytes"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise ValueError(f"{name} has to be a whole number above 0")
        for name in ("flush_interval", "timeout", "exit_timeout"):
            if not 0 <= float(getattr(self, name)) < 1e6:
                raise ValueError(f"{name} has to be a number of seconds")


def settings(url: Optional[str], token: Optional[str], given: Dict[str, Any]) -> Settings:
    """Completes what the caller gave. Raises ValueError or TypeError on what cannot work."""
    env = os.environ
    given = {name: value for name, value in given.items() if value is not None}
    given["disabled"] = bool(given.get("disabled", False)) or flag("WEIR_DISABLED")
    given["debug"] = bool(given.get("debug", False)) or flag("WEIR_DEBUG")
    given.setdefault("spool", env.get("WEIR_SPOOL") or None)
    given["kafka"] = brokers(given.get("kafka"))
    given["tenant"] = str(given.get("tenant") or env.get("WEIR_TENANT") or "").strip()
    return Settings(
        url=(url or env.get("WEIR_URL") or DEFAULT_URL).strip().rstrip("/"),
        token=(token or env.get("WEIR_TOKEN") or "").strip(),
        **given,
    )


def brokers(given: Optional[Kafka]) -> Optional[Dict[str, Any]]:
    """Properties of librdkafka, of addresses alone or as they were given; None: not to Kafka."""
    given = given or os.environ.get("WEIR_KAFKA", "").strip() or None
    if given is None or isinstance(given, str):
        return {"bootstrap.servers": given} if given else None
    found = dict(given)
    if not found.get("bootstrap.servers") and not found.get("metadata.broker.list"):
        raise ValueError("kafka has no bootstrap.servers")
    return found


def person(given: Optional[Person], team: Optional[str]) -> Optional[Dict[str, str]]:
    """An engineer as the schemas have it: an address alone, or one with a team."""
    given = given or os.environ.get("WEIR_ENGINEER") or None
    if given is None:
        return None
    found = {"email": given} if isinstance(given, str) else dict(given)
    team = team or os.environ.get("WEIR_TEAM") or None
    if team and not found.get("team"):
        found["team"] = team
    return found


def common(
    source: Optional[str], resource: Optional[Mapping[str, str]], named: bool
) -> Dict[str, Any]:
    """What every event of a client has; `named` where no token's name stands for the source."""
    found: Dict[str, Any] = {}
    source = source or os.environ.get("WEIR_SOURCE") or (socket.gethostname() if named else None)
    if source:
        found["source"] = str(source)
    if resource:
        found["resource"] = {str(name): str(value) for name, value in resource.items()}
    return found


def names(
    privacy: Optional[str], folder: Optional[str], tenant: Optional[str]
) -> Optional[Privacy]:
    """What replaces names; None where they stay. Raises ValueError or OSError: without its key
    nothing is to be sent."""
    env = os.environ
    mode = (privacy or env.get("WEIR_PRIVACY") or OFF).strip().lower()
    if mode == OFF:
        return None
    if mode != PSEUDONYMISE:
        raise ValueError(f"privacy is {PSEUDONYMISE} or {OFF}, not {mode!r}")
    folder = folder or env.get("WEIR_PRIVACY_FOLDER")
    tenant = tenant or env.get("WEIR_TENANT")
    if not folder or not tenant:
        raise ValueError("privacy needs privacy_folder, which has the key, and tenant")
    return Privacy(read_key(folder), tenant)
