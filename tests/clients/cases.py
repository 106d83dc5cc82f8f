"""The clients: how each is pointed at the model API, run, and what it can tell.

Their settings for weir are none of them: those are written by `weir connect`.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

TASK = "Read calc.py and say what add does."


@dataclass
class Case:
    name: str
    # As `weir connect` knows it.
    client: str
    emitter: str
    # Answers to the requests that offer tools, in their order.
    plan: list[str]
    # Settings that the user has already: path under the home directory, text.
    settings: dict[str, str]
    env: Callable[[str], dict[str, str]]
    commands: list[list[str]]
    # What of the given tokens reaches an event, from what was given.
    told: Callable[[dict], dict] = field(default=lambda given: given)
    # Files of variables that a user's shell would read.
    profile: list[str] = field(default_factory=list)
    # Text that must still stand in the settings afterwards.
    kept: dict[str, str] = field(default_factory=dict)


def no_reasoning_apart(given: dict) -> dict:
    """Its classes do not tell reasoning from output."""
    return given | {"reasoning": None}


def nothing_apart(given: dict) -> dict:
    """Only the sums are told."""
    return given | {
        "input": given["input"] + given["cache_read"] + given["cache_write"],
        "output": given["output"] + given["reasoning"],
        "cache_read": None, "cache_write": None, "reasoning": None,
    }


def agents(bin: Path, api) -> list[Case]:
    """Coding agents, with the folder of their programs."""
    gemini = {
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "privacy": {"usageStatisticsEnabled": False}, "general": {"enableAutoUpdate": False},
    }
    qwen = {
        "security": {"auth": {"selectedType": "openai"}},
        "privacy": {"usageStatisticsEnabled": False}, "general": {"enableAutoUpdate": False},
    }
    opencode = {
        "$schema": "https://opencode.ai/config.json", "autoupdate": False, "share": "disabled",
        "model": "local/coder-1", "small_model": "local/coder-1",
        "provider": {"local": {
            "npm": "@ai-sdk/openai-compatible", "name": "local",
            "options": {"baseURL": api.url("opencode") + "/v1", "apiKey": "none"},
            "models": {"coder-1": {"name": "coder-1", "limit": {"context": 200000, "output": 8000}}},
        }},
    }
    codex = f"""# mine
model = "gpt-5.5"
model_provider = "local"

[model_providers.local]
name = "local"
base_url = "{api.url('codex')}/v1"
wire_api = "responses"
env_key = "LOCAL_KEY" # no key
request_max_retries = 3
stream_max_retries = 2
"""
    claude = [str(bin / "claude"), "-p", TASK, "--model", "claude-sonnet-4-5", "--output-format", "json"]
    return [
        Case(
            # Six times: it tries again without what a provider may not know.
            "claude-code", "claude-code", "claude-code", ["tool", "text"] + ["refused"] * 6,
            {".claude/settings.json": '{\n  "includeCoAuthoredBy": false,\n  "env": {"MINE": "1"}\n}\n'},
            lambda url: {
                "ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "none", "DISABLE_AUTOUPDATER": "1",
                "OTEL_LOGS_EXPORT_INTERVAL": "500", "OTEL_METRIC_EXPORT_INTERVAL": "1000",
            },
            # The second run is refused.
            [claude, claude], lambda given: no_reasoning_apart(given) | {"failed": 1},
            kept={".claude/settings.json": '"MINE": "1"'},
        ),
        Case(
            "codex", "codex", "codex", ["busy", "tool", "text"], {".codex/config.toml": codex},
            lambda url: {"LOCAL_KEY": "none"},
            [[str(bin / "codex"), "exec", "--dangerously-bypass-approvals-and-sandbox", "--json", TASK]],
            kept={".codex/config.toml": 'env_key = "LOCAL_KEY" # no key'},
        ),
        Case(
            "gemini-cli", "gemini", "gemini-cli", ["tool", "busy", "text"],
            {".gemini/settings.json": "// mine\n" + json.dumps(gemini, indent=2) + "\n"},
            lambda url: {"GEMINI_API_KEY": "none", "GOOGLE_GEMINI_BASE_URL": url,
                         "GEMINI_CLI_TRUST_WORKSPACE": "true"},
            [[str(bin / "gemini"), "-m", "gemini-2.5-pro", "--approval-mode", "yolo", "-p", TASK,
              "--output-format", "json"]],
            kept={".gemini/settings.json": "// mine\n"},
        ),
        Case(
            "qwen-code", "qwen", "qwen-code", ["tool", "text", "refused"],
            {".qwen/settings.json": json.dumps(qwen, indent=2) + "\n"},
            lambda url: {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": url + "/v1",
                         "OPENAI_MODEL": "qwen3-coder-plus"},
            [[str(bin / "qwen"), "--approval-mode", "yolo", "-p", TASK, "--output-format", "json"]] * 2,
        ),
        Case(
            "opencode", "opencode", "opencode", ["tool", "text"],
            {".config/opencode/opencode.json": json.dumps(opencode, indent=2) + "\n"},
            lambda url: {
                "OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_AUTOUPDATE": "1",
                "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1", "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
            },
            [[str(bin / "opencode"), "run", "--format", "json", TASK]],
            profile=[".config/weir/opencode.env"],
        ),
        Case(
            "copilot", "copilot", "copilot", ["tool", "text", "refused"], {},
            lambda url: {"COPILOT_PROVIDER_BASE_URL": url + "/v1", "COPILOT_PROVIDER_API_KEY": "none",
                         "COPILOT_MODEL": "gpt-5.1"},
            [[str(bin / "copilot"), "-p", TASK, "--allow-all-tools"]] * 2,
            # It does not say that nothing was written to the cache.
            lambda given: given | {"cache_write": None}, [".config/weir/copilot.env"],
        ),
    ]
