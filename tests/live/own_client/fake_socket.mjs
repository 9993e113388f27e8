// A WebSocket whose server is played by the test: for faults that the real server does not have, and for long
// timeouts.
import { mock } from "node:test";
import { connect } from "../../../static/live/client.js";

/** Encode a timestamp as the protocol does. */
export const at = (number) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(number));
  return bytes.toString("base64");
};

export class FakeSocket {
  sent = [];
  version = { querySet: 0, identity: 0, ts: at(0) };
  isClosed = false;

  constructor(url) {
    this.url = url;
    FakeSocket.opened.push(this);
  }
  send(text) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.isClosed = true;
  }

  // What the server does; each method returns once the client has handled it.
  async accept() {
    this.onopen({});
    await settle();
  }
  async say(message) {
    this.onmessage({ data: typeof message === "string" ? message : JSON.stringify(message) });
    await settle();
  }
  async transit(ts, ...modifications) {
    const startVersion = this.version;
    const querySet = this.of("ModifyQuerySet").at(-1)?.newVersion ?? 0;
    this.version = { querySet, identity: this.of("Authenticate").length, ts: at(ts) };
    await this.say({ type: "Transition", startVersion, endVersion: this.version, modifications });
  }
  async end(code) {
    this.onclose({ code });
    await settle();
  }

  of(type) {
    return this.sent.filter((message) => message.type === type);
  }
}

export const updated = (queryId, value) => ({ type: "QueryUpdated", queryId, value });
export const failed = (queryId, code) => ({
  type: "QueryFailed",
  queryId,
  errorMessage: `Uncaught ConvexError: ${code}`,
  errorData: { code, message: `It is ${code}.` },
});
export const done = (requestId, ts, result) => ({
  type: "MutationResponse",
  requestId,
  success: true,
  ts: at(ts),
  result,
});

/** Wait until all pending microtasks and immediates have run. */
export const settle = () => new Promise(setImmediate);

/** Start a client; returns its states and sockets (`scene.socket` is the newest). Time advances only by `pass(ms)`. */
export function start(options = {}) {
  FakeSocket.opened = [];
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  mock.method(Math, "random", () => 0.5);
  const states = [];
  const client = connect("https://chat.example/", {
    WebSocket: FakeSocket,
    onState: (state) => states.push(state),
    ...options,
  });
  return {
    client,
    states,
    get sockets() {
      return FakeSocket.opened;
    },
    get socket() {
      return FakeSocket.opened.at(-1);
    },
    async pass(milliseconds) {
      mock.timers.tick(milliseconds);
      await settle();
    },
  };
}

/** Start a client whose connection is open and has received its first, empty Transition. */
export async function startLive(options) {
  const scene = start(options);
  await scene.socket.accept();
  await scene.socket.transit(1);
  return scene;
}
