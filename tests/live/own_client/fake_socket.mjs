// A WebSocket whose server is the test: for faults that the real server does not have, and waits that are too long.
import { mock } from "node:test";
import { connect } from "../../../static/live/client.js";

/** A timestamp as the protocol writes it. */
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

  // What the server does; each returns once the client has dealt with it.
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

/** All that was put off until the current work is over has happened. */
export const settle = () => new Promise(setImmediate);

/** A client; its states and its sockets, whose newest is `scene.socket`. Timers stand still but for `pass(ms)`. */
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

/** Also its first Transition, which says that there is nothing. */
export async function startLive(options) {
  const scene = start(options);
  await scene.socket.accept();
  await scene.socket.transit(1);
  return scene;
}
