"""A program that knows nothing of telemetry: `opentelemetry-instrument` starts it."""

import sys

import openai

TOOL = {
    "type": "function",
    "function": {
        "name": "read_file",
        "parameters": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
    },
}
asked = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "Say hello."}]}

client = openai.OpenAI(base_url=sys.argv[1], api_key="none", max_retries=0)
client.chat.completions.create(**asked)
client.chat.completions.create(**asked, tools=[TOOL])
for _ in client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}):
    pass
try:
    client.chat.completions.create(**asked, tools=[TOOL])
except openai.APIStatusError as refused:
    print(refused.status_code)
