import assert from "node:assert/strict";
import { test } from "node:test";
import { createStore } from "../../static/dashboard/inbox/store.js";

test("a subscriber is called once after each change of its values", () => {
  const store = createStore({ name: "", count: 0, other: 0 });
  const calls = [];
  store.subscribe(["name", "count"], () => calls.push([store.get("name"), store.get("count")]));
  store.set({ name: "a", count: 1 });
  store.set({ count: 2 });
  store.set({ other: 1 });
  assert.deepEqual(calls, [
    ["a", 1],
    ["a", 2],
  ]);
});

test("setting the same value calls nobody", () => {
  const store = createStore({ name: "a" });
  store.subscribe(["name"], () => assert.fail("called"));
  store.set({ name: "a" });
});

test("a subscription that has ended is not called, even if it ends during a change", () => {
  const store = createStore({ name: "" });
  const calls = [];
  store.subscribe(["name"], () => stop());
  const stop = store.subscribe(["name"], () => calls.push("second"));
  store.set({ name: "a" });
  store.set({ name: "b" });
  assert.deepEqual(calls, []);
});

test("the initial object is not changed", () => {
  const initial = { name: "a" };
  createStore(initial).set({ name: "b" });
  assert.deepEqual(initial, { name: "a" });
});
