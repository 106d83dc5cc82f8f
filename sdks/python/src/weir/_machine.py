"""Facts about this machine, gathered only when asked for: some of them tell of a person."""

from __future__ import annotations

import os
import platform
import socket
from typing import Any, Dict


def machine() -> Dict[str, Any]:
    """For `client.engineer_registered(**weir.machine())`: host, platform, CPU, memory in GB and
    Python's version; what cannot be found out is left out."""
    facts: Dict[str, Any] = {
        "host_name": socket.gethostname(),
        "platform": platform.system(),
        "cpu": f"{_processor()} ({os.cpu_count() or 1} cores)",
        "runtime_version": f"Python {platform.python_version()}",
    }
    try:
        facts["ram_gb"] = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        pass
    return facts


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
