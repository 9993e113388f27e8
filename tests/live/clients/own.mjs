// Drives PraxTalk's own client, static/live/client.js, for tests/live/driver.py, which describes commands and events.
import { createInterface } from "node:readline";
import { WebSocket } from "ws";
import { connect } from "../../../static/live/client.js";

const send = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);
const failed = (id, { message, data }) =>
  send({ id, error: { kind: data ? "ConvexError" : "Error", message, ...(data && { data }) } });
process.on("uncaughtException", (reason) => send({ crash: String(reason?.stack ?? reason) }));

const clients = new Map();
const stops = new Map();

const COMMANDS = {
  open({ id, url }) {
    clients.set(id, connect(url, { WebSocket, onState: (state) => send({ id, state }) }));
  },
  close({ client }) {
    clients.get(client).close();
    clients.delete(client);
  },
  watch({ id, client, name, args = {} }) {
    const onValue = (value) => send({ id, value });
    stops.set(
      id,
      clients.get(client).watch(name, args, onValue, (error) => failed(id, error)),
    );
  },
  unwatch({ watch }) {
    stops.get(watch)();
  },
  query({ id, client, name, args = {} }) {
    const once = (callback) => (result) => {
      stop();
      callback(result);
    };
    const onValue = once((value) => send({ id, value }));
    const stop = clients.get(client).watch(
      name,
      args,
      onValue,
      once((error) => failed(id, error)),
    );
  },
  mutate({ id, client, name, args = {} }) {
    clients
      .get(client)
      .mutate(name, args)
      .then(
        (value) => send({ id, value }),
        (error) => failed(id, error),
      );
  },
  action({ id, name }) {
    failed(id, { message: `Could not find public function for '${name}'. This client has no actions.` });
  },
  ask({ id }) {
    send({ id, value: null });
  },
};

send({ ready: "own" });
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  try {
    COMMANDS[command.do](command);
  } catch (reason) {
    send({ crash: `${line}: ${reason.stack}` });
  }
}
process.exit(0);
