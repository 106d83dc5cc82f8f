// A peer on a real socket that answers, fails, hangs and lies as a test tells it to.
import net from "node:net";
import { gunzipSync } from "node:zlib";

export interface Asked {
  line: string;
  headers: Record<string, string>;
  size: number;
  events: any[];
  at: number;
}

/** Writes what it wants; false ends the connection. */
export type Behaviour = (socket: net.Socket, asked: Asked, server: Hostile) => unknown;

export class Hostile {
  readonly requests: Asked[] = [];
  readonly #behaviours: Behaviour[];
  readonly #sockets = new Set<net.Socket>();
  readonly #listener: net.Server;
  ended = false;
  url = "";

  constructor(...behaviours: Behaviour[]) {
    this.#behaviours = behaviours.length ? behaviours : [ok];
    this.#listener = net.createServer((socket) => this.#serve(socket));
  }

  /** Runs a test beside the server: one behaviour per request, the last one for ever. */
  static async with(behaviours: Behaviour[], test: (server: Hostile) => Promise<void>) {
    const server = new Hostile(...behaviours);
    await new Promise<void>((tell) => server.#listener.listen(0, "127.0.0.1", tell));
    server.url = `http://127.0.0.1:${(server.#listener.address() as net.AddressInfo).port}`;
    try {
      await test(server);
    } finally {
      server.ended = true;
      server.#sockets.forEach((socket) => socket.destroy());
      server.#listener.close();
    }
  }

  get events(): any[] {
    return this.requests.flatMap((request) => request.events);
  }

  async waitFor(what: () => boolean, timeout = 10_000): Promise<void> {
    const end = Date.now() + timeout;
    while (!what()) {
      if (Date.now() > end)
        throw new Error(`not within ${timeout} ms: ${this.requests.length} came`);
      await sleep(5);
    }
  }

  #serve(socket: net.Socket) {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => {});
    let read = Buffer.alloc(0);
    socket.on("data", (part) => {
      read = Buffer.concat([read, part]);
      for (;;) {
        const end = read.indexOf("\r\n\r\n");
        if (end < 0) return;
        const [line = "", ...rest] = read.subarray(0, end).toString().split("\r\n");
        const headers = Object.fromEntries(
          rest.map((header) => [
            header.slice(0, header.indexOf(":")).toLowerCase(),
            header.slice(header.indexOf(":") + 1).trim(),
          ]),
        );
        let body: Buffer;
        if (headers["transfer-encoding"] === "chunked") {
          const found = chunked(read.subarray(end + 4));
          if (!found) return;
          body = found.body;
          read = read.subarray(end + 4 + found.length);
        } else {
          const length = Number(headers["content-length"] ?? 0);
          if (read.length < end + 4 + length) return;
          body = read.subarray(end + 4, end + 4 + length);
          read = read.subarray(end + 4 + length);
        }
        const raw = headers["content-encoding"] === "gzip" ? gunzipSync(body) : body;
        let events: any = [];
        try {
          events = JSON.parse(raw.toString());
        } catch {}
        const asked: Asked = {
          line,
          headers,
          size: body.length,
          at: performance.now(),
          events: Array.isArray(events) ? events : [events],
        };
        const at = Math.min(this.requests.length, this.#behaviours.length - 1);
        this.requests.push(asked);
        if (this.#behaviours[at]!(socket, asked, this) === false) socket.end();
      }
    });
  }
}

function chunked(bytes: Buffer): { body: Buffer; length: number } | undefined {
  const parts: Buffer[] = [];
  for (let at = 0; ;) {
    const end = bytes.indexOf("\r\n", at);
    if (end < 0) return undefined;
    const size = parseInt(bytes.subarray(at, end).toString(), 16);
    if (bytes.length < end + 2 + size + 2) return undefined;
    parts.push(bytes.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
    if (size === 0) return { body: Buffer.concat(parts), length: at };
  }
}

export const sleep = (millis: number) => new Promise<void>((tell) => setTimeout(tell, millis));

export function reply(socket: net.Socket, status: number, body: unknown, headers: string[] = []) {
  const text = typeof body === "string" || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  const head = [
    `HTTP/1.1 ${status} Whatever`,
    `Content-Length: ${Buffer.byteLength(text)}`,
    ...headers,
  ];
  socket.write(head.join("\r\n") + "\r\n\r\n");
  socket.write(text);
}

export const ok: Behaviour = (socket, asked) =>
  reply(socket, 200, { accepted: asked.events.length, refused: [] });
export const okThenClose: Behaviour = (socket, asked, server) => {
  ok(socket, asked, server);
  return false;
};
export const status =
  (code: number, headers: string[] = [], body?: string): Behaviour =>
  (socket) =>
    reply(
      socket,
      code,
      body ?? { title: "no", status: code, detail: "not now", code: "WEIR-0999" },
      headers,
    );
export const hang: Behaviour = () => {};
export const close: Behaviour = () => false;
export const reset: Behaviour = (socket) => socket.resetAndDestroy();
export const half: Behaviour = (socket) => {
  socket.write('HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"accep');
  return false;
};
export const garbage: Behaviour = (socket) => {
  socket.write("\x00\x16\x03 not http at all\r\n\r\n");
};
export const drip: Behaviour = (socket, _asked, server) => {
  socket.write("HTTP/1.1 200 OK\r\nX-Slow: ");
  const timer = setInterval(() => (server.ended ? clearInterval(timer) : socket.write("x")), 50);
};
export const endless: Behaviour = (socket, _asked, server) => {
  socket.write("HTTP/1.1 503 Busy\r\nConnection: close\r\n\r\n");
  const more = () => {
    while (!server.ended && !socket.destroyed && socket.write("x".repeat(65536)));
  };
  socket.on("drain", more);
  more();
};
export const refuse =
  (...indexes: number[]): Behaviour =>
  (socket, asked) => {
    const refused = indexes
      .filter((index) => index < asked.events.length)
      .map((index) => ({
        index,
        code: "WEIR-0931",
        message: "it is bad",
        remedy: "send a good one",
      }));
    const accepted = asked.events.length - refused.length;
    reply(socket, accepted ? 200 : 422, { accepted, refused });
  };
export const rejectIf =
  (bad: (event: any) => boolean, code: number): Behaviour =>
  (socket, asked, server) =>
    (asked.events.some(bad) ? status(code) : ok)(socket, asked, server);
