// A program with OpenTelemetry's SDK and its instrumentation of OpenAI's client; where it sends is said by the environment.
const { NodeSDK } = require("@opentelemetry/sdk-node");
const { OpenAIInstrumentation } = require("@opentelemetry/instrumentation-openai");

const sdk = new NodeSDK({ instrumentations: [new OpenAIInstrumentation()] });
sdk.start();

const { OpenAI } = require("openai");
const parameters = { type: "object", properties: { path: { type: "string" } }, required: ["path"] };
const tools = [{ type: "function", function: { name: "read_file", parameters } }];
const asked = { model: "gpt-5-mini", messages: [{ role: "user", content: "Say hello." }] };

async function main() {
  const client = new OpenAI({ baseURL: process.argv[2], apiKey: "none", maxRetries: 0 });
  await client.chat.completions.create(asked);
  await client.chat.completions.create({ ...asked, tools });
  const stream = { stream: true, stream_options: { include_usage: true } };
  for await (const _ of await client.chat.completions.create({ ...asked, ...stream }));
  await client.chat.completions.create({ ...asked, tools }).catch((refused) => console.log(refused.status));
  await sdk.shutdown();
}

main();
