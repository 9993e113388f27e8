// Drives an npm version of `convex` for tests/live/driver.py, which describes commands and events.
//   node npm.mjs convex-1.34.1
import { createInterface } from "node:readline";

const [library] = process.argv.slice(2);
const { ConvexClient, ConvexHttpClient } = await import(`${library}/browser`);
const { anyApi, makeFunctionReference } = await import(`${library}/server`);
const { convexToJson, jsonToConvex } = await import(`${library}/values`);

const send = (event) => process.stdout.write(JSON.stringify(event) + "\n");
const value = (id, value) => send({ id, value: convexToJson(value ?? null) });
const error = (id, error) =>
  send({
    id,
    error: {
      kind: error.constructor.name,
      message: error.message,
      ...("data" in error && { data: convexToJson(error.data) }),
    },
  });
for (const name of ["log", "info", "debug", "warn"]) console[name] = console.error; // stdout carries only events
process.on("uncaughtException", (reason) => send({ crash: String(reason?.stack ?? reason) }));

const clients = new Map();
const watches = new Map();
const SHORT_LEEWAY = { authRefreshTokenLeewaySeconds: 2 }; // the tests' tokens expire after seconds

const REFERENCES = {
  string: (name) => name,
  reference: (name) => makeFunctionReference(name),
  anyApi: (name) => name.split(":").reduce((path, part) => path[part], anyApi),
};

/** Run a mutation that appends `append` to the `messages` of a query's value until its result arrives. */
function mutateOptimistically(client, name, args, { query, args: queryArgs, append }) {
  const optimisticUpdate = (store) => {
    const seen = store.getQuery(query, queryArgs);
    if (seen) store.setQuery(query, queryArgs, { ...seen, messages: [...seen.messages, append] });
  };
  return client.client.mutation(name, args, { optimisticUpdate });
}

function call(command, make) {
  const { id, client, name, args = {}, as = "string" } = command;
  make(clients.get(client), REFERENCES[as](name), jsonToConvex(args)).then(
    (result) => value(id, result),
    (reason) => error(id, reason),
  );
}

const COMMANDS = {
  open({ id, url, http }) {
    clients.set(id, http ? new ConvexHttpClient(url) : new ConvexClient(url, SHORT_LEEWAY));
  },
  close({ client }) {
    const closed = clients.get(client);
    clients.delete(client);
    for (const [id, watch] of watches) if (watch.client === closed) watches.delete(id);
    closed.close?.(); // not awaited: it waits for a server that may be down
  },
  watch({ id, client, name, args = {}, as = "string" }) {
    const watcher = clients.get(client);
    const [onValue, onError] = [(result) => value(id, result), (reason) => error(id, reason)];
    const stop = watcher.onUpdate(REFERENCES[as](name), jsonToConvex(args), onValue, onError);
    watches.set(id, { client: watcher, stop });
  },
  unwatch({ watch }) {
    watches.get(watch).stop();
    watches.delete(watch);
  },
  query: (command) =>
    call(command, (client, name, args) =>
      command.consistent ? client.consistentQuery(name, args) : client.query(name, args),
    ),
  action: (command) => call(command, (client, name, args) => client.action(name, args)),
  mutate: (command) =>
    call(command, (client, name, args) =>
      command.optimistic
        ? mutateOptimistically(client, name, args, command.optimistic)
        : client.mutation(name, args),
    ),
  authenticate({ id, client, tokens }) {
    const authenticated = clients.get(client);
    if (authenticated instanceof ConvexHttpClient) return authenticated.setAuth(tokens[0]);
    let fetched = 0;
    const fetchToken = async ({ forceRefreshToken }) => {
      const token = tokens[Math.min(fetched++, tokens.length - 1)];
      send({ id, fetched, forced: forceRefreshToken });
      return token;
    };
    authenticated.setAuth(fetchToken, (isAuthenticated) => send({ id, isAuthenticated }));
  },
  ask({ id }) {
    send({ id, value: null });
  },
};

send({ ready: library });
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  try {
    await COMMANDS[command.do](command);
  } catch (reason) {
    send({ crash: `${line}: ${reason.stack}` });
  }
}
process.exit(0);
