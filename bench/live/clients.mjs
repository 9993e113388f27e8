// The clients of both sides, in one process. Each line of JSON on stdin is a command, answered with a line of JSON on stdout
// (bench/live/clients.py).
//
// There are two kinds of clients. "real" clients use the libraries `convex` and `socket.io-client`; a value has arrived when its
// callback runs. "light" clients use the same WebSocket protocols without the libraries, so that this process does not dominate
// the measurement. A frame has arrived when `ws` delivers it. Frames are parsed only after a burst, because 500 clients on
// separate machines would not wait for each other's parsing.
//
// Times are nanoseconds of CLOCK_MONOTONIC, the clock of Python's time.monotonic_ns() on the same machine.

import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import { ConvexClient } from "convex/browser";
import { io } from "socket.io-client";
import { WebSocket } from "ws";

const CONNECT_BATCH_SIZE = 25; // connections that are opened in parallel
const BURST_END_MS = 60;
const SOCKETS_PER_ADDRESS = 50; // PraxTalk allows 100
const QUERY = "conversations:listInbox";

console.log = console.error; // stdout carries the answers

const monotonic = () => Number(process.hrtime.bigint());

class Client {
  constructor() {
    this.arrivals = []; // [change, nanoseconds]
    this.value = null;
    this.newest = -1; // number of the newest change
    this.bytes = 0; // size of the newest frame
    this.first = new Promise((resolve, reject) => Object.assign(this, { resolve, reject }));
    this.hasFailed = false;
  }

  receive(value, at) {
    this.value = value;
    this.newest = Number.parseInt(value[0].preview) || 0; // 0: a message that is older than the changes
    this.arrivals.push([this.newest, at]);
    this.resolve();
  }

  fail(reason) {
    this.hasFailed = true;
    this.reject(new Error(String(reason)));
  }
}

// --- light ---

let unparsed = []; // [client, frame, nanoseconds]
const burst = setTimeout(parse, BURST_END_MS);

function parse() {
  for (const [client, frame, at] of unparsed.splice(0)) client.read(frame.toString(), at);
}

class Light extends Client {
  constructor(url, headers = {}) {
    super();
    this.socket = new WebSocket(url, { perMessageDeflate: false, headers });
    this.socket.on("message", (frame) => {
      unparsed.push([this, frame, monotonic()]);
      burst.refresh();
    });
    this.socket.on("error", (error) => this.fail(error));
    this.socket.on("close", (code) => this.fail(`closed with ${code}`));
  }

  async close() {
    this.socket.removeAllListeners("close");
    const closed = new Promise((resolve) => this.socket.once("close", resolve));
    this.socket.close();
    await closed;
  }
}

class LightSync extends Light {
  constructor({ port, token, args, number }) {
    const address = `10.0.0.${1 + Math.floor(number / SOCKETS_PER_ADDRESS)}`;
    super(`ws://127.0.0.1:${port}/api/1.48.0/sync`, { "X-Forwarded-For": address });
    this.socket.on("open", () => {
      const connect = { connectionCount: 0, lastCloseReason: null, maxObservedTimestamp: null, clientTs: Date.now() };
      this.socket.send(JSON.stringify({ type: "Connect", sessionId: randomUUID(), ...connect }));
      const add = { type: "Add", queryId: 0, udfPath: QUERY, args: [{ ...args, sessionToken: token }] };
      this.socket.send(JSON.stringify({ type: "ModifyQuerySet", baseVersion: 0, newVersion: 1, modifications: [add] }));
    });
  }

  read(text, at) {
    const frame = JSON.parse(text);
    if (frame.type !== "Transition") return;
    for (const { type, value, errorMessage } of frame.modifications) {
      if (type !== "QueryUpdated") this.fail(errorMessage);
      else {
        this.bytes = Buffer.byteLength(text);
        this.receive(value, at);
      }
    }
  }
}

class LightSocketIo extends Light {
  constructor({ port }) {
    super(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`);
    this.socket.on("message", (frame) => {
      const kind = String.fromCharCode(frame[0]);
      if (kind === "0") this.socket.send("40"); // "open": connect to the main namespace
      if (kind === "2") this.socket.send("3"); // "ping": answer with "pong"
    });
  }

  read(text, at) {
    if (!text.startsWith("42")) return;
    const [, value] = JSON.parse(text.slice(2));
    this.bytes = Buffer.byteLength(text);
    this.receive(value, at);
  }
}

// --- real ---

class RealSync extends Client {
  constructor({ port, token, args }) {
    super();
    this.client = new ConvexClient(`http://127.0.0.1:${port}`);
    const show = (value) => this.receive(value, monotonic());
    this.client.onUpdate(QUERY, { ...args, sessionToken: token }, show, (error) => this.fail(error));
  }

  close() {
    return this.client.close();
  }
}

class RealSocketIo extends Client {
  constructor({ port }) {
    super();
    this.client = io(`http://127.0.0.1:${port}`, { transports: ["websocket"], reconnection: false, forceNew: true });
    this.client.on("inbox", (value) => this.receive(value, monotonic()));
    this.client.on("connect_error", (error) => this.fail(error));
    this.client.on("disconnect", (reason) => this.fail(reason));
  }

  close() {
    this.client.off("disconnect");
    this.client.close();
  }
}

// --- commands ---

const KINDS = { light: { praxtalk: LightSync, baseline: LightSocketIo }, real: { praxtalk: RealSync, baseline: RealSocketIo } };
let clients = [];

const commands = {
  clock: () => ({ ns: monotonic() }),

  /** Connect one client for each token. Answers when all of them have their first value. */
  async connect({ kind, side, port, tokens, args }) {
    for (let first = 0; first < tokens.length; first += CONNECT_BATCH_SIZE) {
      const group = tokens
        .slice(first, first + CONNECT_BATCH_SIZE)
        .map((token, index) => new KINDS[kind][side]({ port, token, args, number: first + index }));
      clients.push(...group);
      for (const client of group) client.first.catch(() => {});
      await Promise.all(group.map((client) => client.first));
    }
    return {};
  },

  /** Return what arrived at each client since the last call, once all have this change or `seconds` have passed. */
  async arrivals({ change, seconds }) {
    const deadline = monotonic() + seconds * 1e9;
    const behind = () => clients.filter((client) => client.newest < change).length;
    while (behind() && monotonic() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
    const { value, bytes } = clients[0];
    const failed = clients.filter((client) => client.hasFailed).length;
    return { arrivals: clients.map((client) => client.arrivals.splice(0)), value, bytes, behind: behind(), failed };
  },

  async close() {
    await Promise.all(clients.splice(0).map((client) => client.close()));
    return {};
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...given } = JSON.parse(line);
  let response;
  try {
    response = await commands[command](given);
  } catch (error) {
    response = { error: String(error) };
  }
  process.stdout.write(`${JSON.stringify(response)}\n`);
}
process.exit();
