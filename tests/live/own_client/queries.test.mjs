import assert from "node:assert/strict";
import { test } from "node:test";
import { done, failed, settle, start, startLive, updated } from "./fake_socket.mjs";

const nothing = () => {};

test("it sends Connect, the query set and the mutations, in this order", async () => {
  const { client, socket } = start();
  client.watch("a:list", { status: "open", brandId: undefined }, nothing);
  client.mutate("a:send", { body: "one" });
  client.mutate("a:send", { body: "two" });
  assert.deepEqual([socket.url, socket.sent], ["wss://chat.example/api/praxtalk-1/sync", []]);
  await socket.accept();
  const [connect, ...rest] = socket.sent;
  assert.match(connect.sessionId, /^[\d-]{7,43}$/);
  assert.deepEqual(connect, {
    type: "Connect",
    sessionId: connect.sessionId,
    connectionCount: 0,
    lastCloseReason: "InitialConnect",
  });
  const add = { type: "Add", queryId: 0, udfPath: "a:list", args: [{ status: "open" }] };
  assert.deepEqual(rest, [
    { type: "ModifyQuerySet", baseVersion: 0, newVersion: 1, modifications: [add] },
    { type: "Mutation", requestId: 0, udfPath: "a:send", args: [{ body: "one" }] },
    { type: "Mutation", requestId: 1, udfPath: "a:send", args: [{ body: "two" }] },
  ]);
});

test("equal watches share one query, which is removed with the last of them", async () => {
  const { client, socket } = await startLive();
  const [one, two] = [[], []];
  const stopOne = client.watch("a:list", { x: 1, y: 2 }, (value) => one.push(value));
  const stopTwo = client.watch("a:list", { y: 2, x: 1 }, (value) => two.push(value));
  await settle();
  assert.deepEqual(socket.of("ModifyQuerySet").slice(1), [
    {
      type: "ModifyQuerySet",
      baseVersion: 1,
      newVersion: 2,
      modifications: [{ type: "Add", queryId: 0, udfPath: "a:list", args: [{ x: 1, y: 2 }] }],
    },
  ]);
  await socket.transit(2, updated(0, "first"));
  stopOne();
  stopOne();
  await socket.transit(3, updated(0, "second"));
  assert.deepEqual([one, two], [["first"], ["first", "second"]]);
  assert.equal(socket.of("ModifyQuerySet").length, 2);
  stopTwo();
  await settle();
  const removal = { type: "ModifyQuerySet", baseVersion: 2, newVersion: 3 };
  assert.deepEqual(socket.of("ModifyQuerySet")[2], { ...removal, modifications: [{ type: "Remove", queryId: 0 }] });
  await socket.transit(4, updated(0, "too late"), { type: "QueryRemoved", queryId: 0 });
  assert.deepEqual(two, ["first", "second"]);
  assert.equal(socket.isClosed, false);
});

test("a later watcher gets the known value", async () => {
  const { client, socket } = await startLive();
  client.watch("a:list", {}, nothing);
  await settle();
  await socket.transit(2, updated(0, "known"));
  const late = [];
  client.watch("a:list", {}, (value) => late.push(value));
  client.watch("a:list", {}, () => late.push("never"))();
  assert.deepEqual(late, []);
  await settle();
  assert.deepEqual(late, ["known"]);
});

test("changes made in one tick are sent as one message, before a mutation", async () => {
  const { client, socket } = await startLive();
  const stop = client.watch("a:one", {}, nothing);
  await settle();
  stop();
  client.watch("a:two", {}, nothing);
  client.watch("a:one", {}, nothing);
  client.mutate("a:send", {});
  await settle();
  const [change, mutation] = socket.sent.slice(-2);
  const changes = change.modifications.map(({ type, queryId }) => `${type} ${queryId}`);
  assert.deepEqual(changes, ["Remove 0", "Add 1", "Add 2"]);
  assert.equal(mutation.type, "Mutation");
});

test("a failed query reports its error and may have a value later", async () => {
  const { client, socket } = await startLive();
  const received = [];
  client.watch(
    "a:list",
    {},
    (value) => received.push(value),
    (error) => received.push([error.message, error.data.code]),
  );
  client.watch("a:wrong", {}, nothing, (error) => received.push([error.message, "data" in error]));
  await settle();
  const wrong = { type: "QueryFailed", queryId: 1, errorMessage: "ArgumentValidationError: x" };
  await socket.transit(2, failed(0, "NOT_FOUND"), wrong);
  await socket.transit(3, updated(0, "there"));
  assert.deepEqual(received, [["It is NOT_FOUND.", "NOT_FOUND"], ["ArgumentValidationError: x", false], "there"]);
});

test("a mutation resolves with the Transition that covers it, after the watchers are called", async () => {
  const { client, socket } = await startLive();
  const received = [];
  client.watch("a:list", {}, (value) => received.push(value));
  client.mutate("a:send", {}).then((value) => received.push(value));
  await settle();
  await socket.say(done(0, 256, "sent"));
  await socket.transit(5, updated(0, "before")); // 5 and 256 have the opposite order as plain base64
  assert.deepEqual(received, ["before"]);
  await socket.transit(256, updated(0, "after"));
  assert.deepEqual(received, ["before", "after", "sent"]);
});

test("a failed mutation rejects at once and is not resent", async () => {
  const scene = await startLive();
  const call = scene.client.mutate("a:send", {});
  const outcome = assert.rejects(call, {
    message: "Wait.",
    data: { code: "RATE_LIMITED", message: "Wait.", retryAfter: 3 },
  });
  const errorData = { code: "RATE_LIMITED", message: "Wait.", retryAfter: 3 };
  await scene.socket.say({ type: "MutationResponse", requestId: 0, success: false, result: "Uncaught", errorData });
  await outcome;
  await scene.socket.end(1006);
  await scene.pass(100);
  await scene.socket.accept();
  assert.deepEqual(scene.socket.of("Mutation"), []);
});

test("arguments that are not JSON reject without affecting other calls", async () => {
  const { client, socket } = await startLive();
  await assert.rejects(client.mutate("a:send", { body: 1n }), TypeError);
  assert.throws(() => client.watch("a:list", { x: 1n }, nothing), TypeError);
  client.mutate("a:send", {});
  assert.equal(socket.of("Mutation")[0].requestId, 0);
});

test("close() rejects pending mutations, stops watchers and never reconnects", async () => {
  const { client, socket, sockets, states, pass } = await startLive();
  const received = [];
  client.watch("a:list", {}, (value) => received.push(value));
  await settle();
  socket.transit(2, updated(0, "on its way"));
  const call = client.mutate("a:send", {});
  client.close();
  await assert.rejects(call, { name: "AbortError" });
  await assert.rejects(client.mutate("a:send", {}), { name: "AbortError" });
  client.watch("a:other", {}, (value) => received.push(value))();
  await socket.end(1000);
  await pass(1_000_000);
  assert.deepEqual([socket.isClosed, sockets.length, received, states], [true, 1, [], ["connecting", "live"]]);
});

test("no callback is called after close()", async () => {
  const { client, states } = start();
  client.close();
  await settle();
  assert.deepEqual(states, []);
});
