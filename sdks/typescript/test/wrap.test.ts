// The real OpenAI and Anthropic clients, in front of a peer that speaks their protocols.
import assert from "node:assert/strict";
import type net from "node:net";
import { test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { client, stderr } from "./helpers.js";
import * as hostile from "./hostile.js";
import { Hostile, type Behaviour } from "./hostile.js";

const CHAT_USAGE = {
  prompt_tokens: 100,
  completion_tokens: 50,
  total_tokens: 150,
  prompt_tokens_details: { cached_tokens: 60 },
  completion_tokens_details: { reasoning_tokens: 20 },
};
const CHAT = {
  id: "chatcmpl-1",
  object: "chat.completion",
  created: 1,
  model: "gpt-5-2026",
  service_tier: "default",
  usage: CHAT_USAGE,
  choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "hello" } }],
};
const RESPONSE = {
  id: "resp_1",
  object: "response",
  created_at: 1,
  model: "gpt-5-2026",
  status: "completed",
  output: [],
  parallel_tool_calls: true,
  tool_choice: "auto",
  tools: [],
  usage: {
    input_tokens: 100,
    input_tokens_details: { cached_tokens: 60 },
    output_tokens: 50,
    output_tokens_details: { reasoning_tokens: 20 },
    total_tokens: 150,
  },
};
const TOKENS = { tokens_input: 40, tokens_cache_read: 60, tokens_output: 30, tokens_reasoning: 20 };
const MESSAGE = {
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "claude-x",
  content: [{ type: "text", text: "hello" }],
  stop_reason: "end_turn",
  stop_sequence: null,
  usage: {
    input_tokens: 7,
    cache_read_input_tokens: 500,
    cache_creation_input_tokens: 30,
    cache_creation: { ephemeral_5m_input_tokens: 10, ephemeral_1h_input_tokens: 20 },
    output_tokens: 42,
    service_tier: "standard",
  },
};
const MESSAGE_TOKENS = {
  tokens_input: 7,
  tokens_cache_read: 500,
  tokens_cache_write: 30,
  tokens_cache_write_5m: 10,
  tokens_cache_write_1h: 20,
  tokens_output: 42,
};
const ASK = { model: "gpt-5", messages: [{ role: "user" as const, content: "hi" }] };
const SAY = { ...ASK, model: "claude-x", max_tokens: 10 };

function chatChunks(usage: boolean) {
  const chunk = (parts: object) => ({
    id: "chatcmpl-1",
    object: "chat.completion.chunk",
    created: 1,
    model: "gpt-5-2026",
    choices: [],
    ...parts,
  });
  return [
    chunk({
      choices: [{ index: 0, delta: { role: "assistant", content: "hel" }, finish_reason: null }],
    }),
    chunk({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }),
    ...(usage ? [chunk({ usage: CHAT_USAGE })] : []),
  ];
}

const MESSAGE_EVENTS = [
  {
    type: "message_start",
    message: {
      ...MESSAGE,
      content: [],
      stop_reason: null,
      usage: { ...MESSAGE.usage, output_tokens: 1 },
    },
  },
  { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
  { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "hello" } },
  { type: "content_block_stop", index: 0 },
  {
    type: "message_delta",
    delta: { stop_reason: "end_turn", stop_sequence: null },
    usage: { output_tokens: 42 },
  },
  { type: "message_stop" },
];

function stream(socket: net.Socket, events: any[], named: boolean, cut?: number) {
  socket.write(
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nrequest-id: req_7\r\n" +
      "Transfer-Encoding: chunked\r\n\r\n",
  );
  const chunk = (text: string) =>
    socket.write(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`);
  for (const event of events.slice(0, cut)) {
    chunk(`${named ? `event: ${event.type}\n` : ""}data: ${JSON.stringify(event)}\n\n`);
  }
  if (cut !== undefined) return void socket.destroySoon();
  if (!named) chunk("data: [DONE]\n\n");
  socket.write("0\r\n\r\n");
}

const modelApi: Behaviour = (socket, asked) => {
  const [body] = asked.events;
  const path = asked.line.split(" ")[1];
  const json = ["Content-Type: application/json", "request-id: req_7"];
  const cut = JSON.stringify(body).includes("cut") ? 3 : undefined;
  if (path.endsWith("/chat/completions")) {
    if (!body.stream) return hostile.reply(socket, 200, CHAT, json);
    return stream(socket, chatChunks(Boolean(body.stream_options?.include_usage)), false, cut && 1);
  }
  if (path.endsWith("/responses")) {
    if (!body.stream) return hostile.reply(socket, 200, RESPONSE, json);
    return stream(
      socket,
      [
        {
          type: "response.created",
          sequence_number: 0,
          response: { ...RESPONSE, status: "in_progress", usage: null },
        },
        {
          type: "response.output_text.delta",
          sequence_number: 1,
          delta: "hel",
          item_id: "i",
          output_index: 0,
          content_index: 0,
        },
        { type: "response.completed", sequence_number: 2, response: RESPONSE },
      ],
      true,
    );
  }
  if (path.endsWith("/embeddings")) {
    const usage = { prompt_tokens: 8, total_tokens: 8 };
    return hostile.reply(socket, 200, { object: "list", model: "embed-3", data: [], usage }, json);
  }
  if (!body.stream) return hostile.reply(socket, 200, MESSAGE, json);
  return stream(socket, MESSAGE_EVENTS, true, cut);
};

function world(
  t: { after(f: () => unknown): void },
  run: (
    weir: ReturnType<typeof client>,
    api: Hostile,
    events: () => Promise<any[]>,
  ) => Promise<void>,
) {
  return Hostile.with([], (server) =>
    Hostile.with([modelApi], async (api) => {
      const weir = client(t, server.url);
      await run(weir, api, async () => {
        assert(await weir.flush(5000));
        return server.events;
      });
    }),
  );
}

const openai = (api: Hostile) =>
  new OpenAI({ baseURL: api.url + "/v1", apiKey: "k", maxRetries: 0 });
const anthropic = (api: Hostile) => new Anthropic({ baseURL: api.url, apiKey: "k", maxRetries: 0 });

function expect(event: any, fields: object) {
  assert.equal(event.type, "llm.call");
  assert.deepEqual(
    Object.fromEntries(Object.keys(fields).map((name) => [name, event[name]])),
    fields,
  );
}

async function read<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found = [];
  for await (const item of items) found.push(item);
  return found;
}

test("OpenAI: answers", (t) =>
  world(t, async (weir, api, events) => {
    const ai = openai(api);
    assert.equal(weir.wrapOpenAI(ai, { category: "review" }), ai);
    const promise = ai.chat.completions.create(ASK);
    assert.equal((await promise).choices[0].message.content, "hello");
    const both = await ai.chat.completions.create(ASK).withResponse();
    assert.equal(both.data.id, "chatcmpl-1");
    await ai.chat.completions.parse(ASK);
    await ai.withOptions({ timeout: 5000 }).chat.completions.create(ASK);
    assert.equal((await ai.responses.create({ model: "gpt-5", input: "hi" })).id, "resp_1");
    await ai.embeddings.create({ model: "embed", input: "x", encoding_format: "float" });
    const raw = await ai.chat.completions.create(ASK).asResponse();
    assert.equal(((await raw.json()) as any).id, "chatcmpl-1");
    const found = await events();
    assert.equal(found.length, 6);
    for (const event of found.slice(0, 4)) {
      expect(event, {
        provider: "openai",
        model: "gpt-5-2026",
        request_id: "chatcmpl-1",
        success: true,
        stop_reason: "stop",
        service_tier: "default",
        usage_complete: true,
        category: "review",
        engineer: { email: "ada@acme.example" },
        ...TOKENS,
      });
      assert(event.latency_ms > 0 && event.latency_ms < 5000);
    }
    expect(found[4], { request_id: "resp_1", usage_complete: true, ...TOKENS });
    expect(found[5], { model: "embed-3", tokens_input: 8, tokens_output: undefined });
  }));

test("OpenAI: streams", (t) =>
  world(t, async (weir, api, events) => {
    const ai = weir.wrapOpenAI(openai(api), { streamUsage: true });
    const shown = await read(await ai.chat.completions.create({ ...ASK, stream: true }));
    assert.deepEqual(
      shown.map((chunk) => chunk.choices.length),
      [1, 1],
    );
    const asked = await read(
      await ai.chat.completions.create({
        ...ASK,
        stream: true,
        stream_options: { include_usage: true },
      }),
    );
    assert.deepEqual(
      asked.map((chunk) => chunk.choices.length),
      [1, 1, 0],
    );
    const kinds = await read(
      await ai.responses.create({ model: "gpt-5", input: "hi", stream: true }),
    );
    assert.equal(kinds[2].type, "response.completed");
    const helper = ai.chat.completions.stream(ASK);
    assert.equal((await helper.finalChatCompletion()).choices[0].message.content, "hel");
    const found = await events();
    assert.equal(found.length, 4);
    for (const event of found) {
      expect(event, { success: true, usage_complete: true, ...TOKENS });
      assert(event.first_token_ms > 0 && event.first_token_ms <= event.latency_ms);
    }
  }));

test("streams that are left or break are told once", (t) =>
  world(t, async (weir, api, events) => {
    const ai = weir.wrapOpenAI(openai(api));
    for await (const _chunk of await ai.chat.completions.create({ ...ASK, stream: true })) break;
    const cut = await ai.chat.completions.create({ ...ASK, stream: true, user: "cut" });
    await assert.rejects(read(cut));
    const [left, broken] = await events();
    expect(left, { success: true, usage_complete: false, tokens_input: undefined });
    expect(broken, { success: false, usage_complete: false });
    assert(!("stream_options" in api.events[0]));
  }));

test("Anthropic: answers and streams", (t) =>
  world(t, async (weir, api, events) => {
    const ai = weir.wrapAnthropic(anthropic(api), { sessionId: "s-1" });
    assert.equal((await ai.messages.create(SAY)).id, "msg_1");
    assert.equal((await read(await ai.messages.create({ ...SAY, stream: true }))).length, 6);
    assert.equal(await ai.messages.stream(SAY).finalText(), "hello");
    await assert.rejects(ai.messages.stream({ ...SAY, system: "cut" }).finalText());
    const found = await events();
    assert.equal(found.length, 4);
    for (const event of found.slice(0, 3)) {
      expect(event, {
        provider: "anthropic",
        model: "claude-x",
        request_id: "req_7",
        session_id: "s-1",
        stop_reason: "end_turn",
        service_tier: "standard",
        usage_complete: true,
        ...MESSAGE_TOKENS,
      });
    }
    assert(found[2].first_token_ms > 0);
    expect(found[3], { success: false, usage_complete: false, tokens_input: 7, tokens_output: 1 });
  }));

test("errors pass through and are told", (t) =>
  world(t, async (weir, _api, events) => {
    await Hostile.with([hostile.status(429, [], '{"error":{"message":"slow"}}')], async (api) => {
      const ai = weir.wrapOpenAI(openai(api));
      await assert.rejects(Promise.resolve(ai.chat.completions.create(ASK)), OpenAI.RateLimitError);
      const claude = weir.wrapAnthropic(anthropic(api));
      await assert.rejects(Promise.resolve(claude.messages.create(SAY)), Anthropic.RateLimitError);
    });
    for (const event of await events()) {
      expect(event, { success: false, error_type: "RateLimitError", tokens_input: undefined });
    }
    assert.equal((await events()).length, 2);
  }));

test("wrapping twice or something else is harmless", (t) =>
  world(t, async (weir, api, events) => {
    stderr(t);
    const ai = weir.wrapOpenAI(weir.wrapOpenAI(openai(api)));
    await ai.chat.completions.create(ASK);
    assert.equal(weir.wrapOpenAI(null), null);
    const thing = Object.freeze({ messages: Object.freeze({ create: () => 1 }) });
    assert.equal(weir.wrapAnthropic(thing), thing);
    assert.equal((await events()).length, 1);
  }));
