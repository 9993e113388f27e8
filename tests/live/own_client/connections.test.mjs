import assert from "node:assert/strict";
import { test } from "node:test";
import { done, failed, settle, start, startLive, updated } from "./fake_socket.mjs";

const nothing = () => {};
const WAITS = [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 16_000, 16_000];

/** Return the exact delay in ms between the loss of the newest socket and the opening of the next one. */
async function waitOf(scene) {
  const { length } = scene.sockets;
  for (const wait of new Set(WAITS)) {
    const passed = WAITS[WAITS.indexOf(wait) - 1] ?? 0;
    await scene.pass(wait - passed - 1);
    assert.equal(scene.sockets.length, length);
    await scene.pass(1);
    if (scene.sockets.length > length) return wait;
  }
  return assert.fail("no new socket");
}

test("reconnecting resends the whole query set and every unfinished mutation under their old ids", async () => {
  const scene = await startLive();
  const received = [];
  const stop = scene.client.watch("a:left", {}, nothing);
  scene.client.watch("a:kept", {}, (value) => received.push(value));
  for (const body of ["answered and covered", "answered", "unanswered"])
    scene.client.mutate("a:send", { body }).then((value) => received.push(value));
  await settle();
  const before = scene.socket.sent;
  await scene.socket.say(done(0, 5, "zero"));
  await scene.socket.transit(5);
  await scene.socket.say(done(1, 6, "one"));
  await scene.socket.end(4500);
  stop();
  await scene.pass(100);
  await scene.socket.accept();
  const [connect, change, ...mutations] = scene.socket.sent;
  const { sessionId } = before[0];
  assert.deepEqual(connect, {
    type: "Connect",
    sessionId,
    connectionCount: 1,
    lastCloseReason: "closed with code 4500",
  });
  assert.deepEqual(change.modifications, [{ type: "Add", queryId: 1, udfPath: "a:kept", args: [{}] }]);
  assert.deepEqual([change.baseVersion, change.newVersion], [0, 1]);
  assert.deepEqual(mutations, before.filter(({ type }) => type === "Mutation").slice(1));
  await scene.socket.transit(7, updated(1, "kept")); // possibly from another server, so it covers no earlier mutation
  assert.deepEqual(received, ["zero", "kept"]);
  await scene.socket.say(done(1, 8, "one"));
  await scene.socket.say(done(2, 9, "two"));
  await scene.socket.transit(9);
  assert.deepEqual(received, ["zero", "kept", "one", "two"]);
});

test("the retry delay doubles from 100 ms to 16 s, and only a valid Transition resets it", async () => {
  const scene = start();
  for (const wait of WAITS) {
    await scene.socket.end(1006);
    assert.equal(await waitOf(scene), wait);
  }
  await scene.socket.accept();
  await scene.socket.transit(1);
  await scene.socket.end(1006);
  assert.equal(await waitOf(scene), 100);
});

test("retry delays are randomised so that clients do not all reconnect at once", async () => {
  for (const [random, wait] of [
    [0, 50],
    [0.99, 149],
  ]) {
    const scene = start();
    Math.random.mock.mockImplementation(() => random);
    await scene.socket.end(1006);
    await scene.pass(wait - 1);
    assert.equal(scene.sockets.length, 1);
    await scene.pass(1);
    assert.equal(scene.sockets.length, 2);
  }
});

test("a mutation that ends every connection is retried with growing delays", async () => {
  const scene = await startLive();
  scene.client.mutate("a:too_long", {});
  for (const wait of WAITS) {
    await scene.socket.end(1009);
    assert.equal(await waitOf(scene), wait);
    await scene.socket.accept();
    await scene.socket.transit(1);
  }
});

test("onState is called only when the state changes", async () => {
  const scene = start();
  await settle();
  assert.deepEqual(scene.states, ["connecting"]);
  await scene.socket.accept();
  assert.deepEqual(scene.states, ["connecting"]);
  await scene.socket.transit(1);
  await scene.socket.transit(2);
  await scene.socket.end(1006); // a short interruption
  await scene.pass(100);
  await scene.socket.accept();
  await scene.socket.transit(1);
  assert.deepEqual(scene.states, ["connecting", "live", "connecting", "live"]);
  for (const wait of [100, 200, 400]) {
    await scene.socket.end(1006);
    await scene.pass(wait);
  }
  await scene.socket.accept();
  assert.deepEqual(scene.states.slice(4), ["connecting", "offline"]);
  await scene.socket.transit(1);
  assert.deepEqual(scene.states.slice(6), ["live"]);
});

test("a connection is closed after 40 seconds without any message", async () => {
  const scene = await startLive();
  for (let n = 0; n < 10; n++) {
    await scene.pass(39_999);
    await scene.socket.say({ type: "Ping" });
  }
  assert.equal(scene.sockets.length, 1);
  await scene.pass(40_000);
  assert.equal(scene.sockets[0].isClosed, true);
  await scene.pass(100);
  assert.equal(scene.sockets.length, 2); // this one never opens
  await scene.pass(40_000);
  await scene.pass(200);
  assert.equal(scene.sockets.length, 3);
  await scene.socket.accept();
  assert.equal(scene.socket.sent[0].lastCloseReason, "silence");
});

const FAULTS = {
  "a Transition that is missing": { querySet: 1, identity: 0, ts: "AgAAAAAAAAA=" },
  "another query set": { querySet: 0, identity: 0, ts: "AQAAAAAAAAA=" },
  "another identity": { querySet: 1, identity: 1, ts: "AQAAAAAAAAA=" },
};
for (const [what, startVersion] of Object.entries(FAULTS))
  test(`the client reconnects from scratch after ${what}`, async () => {
    const scene = await startLive();
    const received = [];
    scene.client.watch("a:list", {}, (value) => received.push(value));
    await settle();
    const endVersion = { querySet: 2, identity: 0, ts: "CQAAAAAAAAA=" };
    await scene.socket.say({ type: "Transition", startVersion, endVersion, modifications: [updated(0, "doubtful")] });
    assert.deepEqual([scene.socket.isClosed, received], [true, []]);
    await scene.pass(100);
    await scene.socket.accept();
    assert.equal(scene.socket.sent[0].lastCloseReason, "version gap");
    await scene.socket.transit(1, updated(0, "sure"));
    assert.deepEqual(received, ["sure"]);
  });

for (const frame of ["no JSON", "null", '{"type":"Transition"}', '{"type":"FatalError","error":"No."}'])
  test(`the client reconnects after the frame ${frame}`, async () => {
    const scene = await startLive();
    await scene.socket.say(frame);
    assert.equal(scene.socket.isClosed, true);
    await scene.pass(100);
    assert.equal(scene.sockets.length, 2);
  });

test("a message of an unknown type is ignored", async () => {
  const scene = await startLive();
  await scene.socket.say({ type: "Tomorrow" });
  assert.equal(scene.socket.isClosed, false);
});

test("messages of a replaced socket are ignored", async () => {
  const scene = await startLive();
  const [old] = scene.sockets;
  await old.end(1006);
  await old.say("no JSON");
  await old.accept();
  await old.end(1006);
  await scene.pass(100);
  assert.equal(scene.sockets.length, 2);
  assert.equal(old.sent.length, 2);
});

test("each connection authenticates with its own token before it sends queries", async () => {
  const tokens = ["first", "second"];
  const scene = await startLive({ getToken: async () => tokens.shift() });
  await scene.socket.end(1006);
  await scene.pass(100);
  await scene.socket.accept();
  const said = scene.sockets.map(({ sent }) => sent.slice(1).map(({ type, value }) => value ?? type));
  assert.deepEqual(said, [
    ["first", "ModifyQuerySet"],
    ["second", "ModifyQuerySet"],
  ]);
  assert.deepEqual(scene.sockets[0].sent[1], {
    type: "Authenticate",
    baseVersion: 0,
    tokenType: "User",
    value: "first",
  });
});

test("an accepted token alone does not make the client live before the query set arrives", async () => {
  const scene = start({ getToken: () => "good" });
  await scene.socket.accept();
  const startVersion = scene.socket.version;
  const endVersion = { querySet: 0, identity: 1, ts: "AQAAAAAAAAA=" };
  await scene.socket.say({ type: "Transition", startVersion, endVersion, modifications: [] });
  assert.deepEqual(scene.states, ["connecting"]);
  scene.socket.version = endVersion;
  await scene.socket.transit(2);
  assert.deepEqual(scene.states, ["connecting", "live"]);
});

test("a rejected token is requested again, with the reason and growing delays", async () => {
  const authErrors = [];
  const scene = start({
    getToken(authError) {
      authErrors.push(authError);
      return "bad";
    },
  });
  for (const wait of WAITS) {
    await scene.socket.accept();
    await scene.socket.say({ type: "AuthError", error: "It expired.", baseVersion: 0, authUpdateAttempted: true });
    assert.equal(scene.socket.isClosed, true);
    assert.equal(await waitOf(scene), wait);
  }
  assert.deepEqual(authErrors, [undefined, ...WAITS.slice(1).map(() => "It expired.")]);
  await scene.socket.accept();
  await scene.socket.transit(1);
  await scene.socket.end(1006);
  await scene.pass(100);
  await scene.socket.accept();
  assert.equal(authErrors.at(-1), undefined);
});

test("an expired token is replaced without an error for watchers", async () => {
  const [authErrors, received] = [[], []];
  const scene = await startLive({ getToken: (authError) => String(authErrors.push(authError)) });
  scene.client.watch(
    "a:list",
    {},
    (value) => received.push(value),
    (error) => received.push(error.data.code),
  );
  await settle();
  await scene.socket.transit(2, updated(0, "one"));
  await scene.socket.transit(3, failed(0, "UNAUTHENTICATED"));
  await scene.pass(100);
  await scene.socket.accept();
  assert.deepEqual([authErrors, scene.socket.sent[1].value], [[undefined, "It is UNAUTHENTICATED."], "2"]);
  await scene.socket.transit(1, updated(0, "two"));
  assert.deepEqual(received, ["one", "two"]);
});

test("if another token is rejected too, watchers get the error, and retries are delayed more and more", async () => {
  const received = [];
  const scene = await startLive({ getToken: () => "bad" });
  scene.client.watch("a:list", {}, nothing, (error) => received.push(error.data.code));
  await settle();
  for (const wait of WAITS) {
    await scene.socket.transit(2, failed(0, "UNAUTHENTICATED"));
    assert.equal(await waitOf(scene), wait);
    await scene.socket.accept();
  }
  assert.deepEqual(
    received,
    WAITS.slice(1).map(() => "UNAUTHENTICATED"),
  );
});

test("without getToken an unauthenticated query fails", async () => {
  const received = [];
  const scene = await startLive();
  scene.client.watch("a:list", {}, nothing, (error) => received.push(error.data.code));
  await settle();
  await scene.socket.transit(2, failed(0, "UNAUTHENTICATED"));
  assert.deepEqual([received, scene.socket.isClosed], [["UNAUTHENTICATED"], false]);
});

test("a token that arrives after its socket closed is not used on the next one", async () => {
  const waiting = [];
  const scene = start({ getToken: () => new Promise((resolve) => waiting.push(resolve)) });
  await scene.socket.accept();
  await scene.socket.end(1006);
  await scene.pass(100);
  waiting[0]("late");
  await settle();
  assert.deepEqual(
    scene.sockets.map(({ sent }) => sent),
    [[], []],
  );
});
