/** One conversation: its header, its entries, the presence of others, and the composer. */

import { createAutoscroll } from "./autoscroll.js";
import { createComposer } from "./composer.js";
import { day, fill, h, reasonOf } from "./dom.js";
import { createThreadHeader } from "./thread-header.js";
import { createEntry, createUnsentEntry } from "./timeline.js";

/**
 * @typedef {import("./outbox.js").Sent} Sent
 * @typedef {import("./dom.js").Row} Row
 * @typedef {import("./timeline.js").Entry} Entry
 */

const TOUCH_EVERY = 15_000;
const PAGE = 100;
const MOST_OLDER = 300;

/**
 * @param {any} pane
 * @param {any} app the object of main.js; this uses client, outbox, me, cannedReplies, colleaguesIn, commands, state and onRow
 * @param {string} conversationId
 */
export function createThread(pane, app, conversationId) {
  const { client, outbox } = app;
  const drawn = /** @type {Map<string, any>} */ (new Map());
  let entries = /** @type {Entry[]} */ ([]);
  let older = /** @type {Entry[]} */ ([]);
  let hasMore = false;
  let lastPosition = 0;
  let row = /** @type {(Row & {brand: {name: string}}) | null} */ (null);
  let readId = /** @type {string | null} */ (null);
  let others = /** @type {{name: string, typing: boolean}[]} */ ([]); // colleagues who are viewing the conversation
  let isVisitorTyping = false;

  const head = createThreadHeader(app);
  const earlier = h(
    "button",
    { type: "button", class: "plain earlier", hidden: true, onclick: () => loadEarlier() },
    "Earlier messages",
  );
  const loading = h("p", { class: "quiet" }, "Loading …");
  const log = h("div", { id: "log", role: "log", "aria-label": "Messages", tabindex: "0" }, earlier, loading);
  const newest = createAutoscroll(log);
  const waiting = h("div", { class: "waiting" });
  const here = h("p", { id: "here", role: "status" });
  const composer = createComposer({
    conversationId,
    outbox,
    cannedReplies: () =>
      app.cannedReplies.filter((/** @type {any} */ each) => !each.brandId || each.brandId === row?.brandId),
    colleagues: () => app.colleaguesIn(row?.brandId),
    words: () => ({
      "visitor.name": row?.visitor.name ?? "",
      "visitor.email": row?.visitor.email ?? "",
      "operator.name": app.me.name,
      "brand.name": row?.brand.name ?? "",
    }),
    newest: () => entries.findLast(({ type }) => type === "message")?._id,
    onTyping: () => touch(),
    onSent: () => newest.toEnd(),
  });

  const touch = () => {
    if (document.hidden || app.state !== "live") return;
    client.mutate("presence:touch", { conversationId, typing: composer.isTyping }).catch(() => {});
  };

  // --- drawing ---

  const draw = () => {
    const isAtEnd = newest.isAtEnd();
    if (isAtEnd && older.length > MOST_OLDER) {
      older = older.slice(-PAGE); // a reader at the end does not see them
      hasMore = true;
    }
    const all = [...older, ...entries];
    const known = new Set(all.map(({ _id }) => _id));
    for (const [id, element] of drawn) {
      if (known.has(id)) continue;
      element.remove();
      drawn.delete(id);
    }
    let before = /** @type {any} */ (earlier);
    let lastDay = "";
    for (const entry of all) {
      const element = drawn.get(entry._id) ?? createEntry(entry, row?.visitor.name ?? "");
      drawn.set(entry._id, element);
      const today = day(entry.createdAt);
      element.dataset.day = today === lastDay ? "" : today;
      lastDay = today;
      if (before.nextElementSibling !== element) before.after(element);
      before = element;
    }
    drawWaiting();
    if (before.nextElementSibling !== waiting) before.after(waiting);
    earlier.hidden = !hasMore;
    drawSeen();
    const fresh = entries.filter(({ position, type }) => position > lastPosition && type !== "activity");
    lastPosition = entries.at(-1)?.position ?? 0;
    if (isAtEnd) newest.toEnd();
    newest.miss(isAtEnd ? 0 : fresh.length);
  };

  const drawWaiting = () => {
    const buttons = {
      again: (/** @type {Sent} */ sent) => outbox.again(sent, { seenMessageId: undefined }),
      edit: (/** @type {Sent} */ sent) => composer.takeUp(sent, outbox.takeBack(sent)),
      remove(/** @type {Sent} */ sent) {
        const files = outbox.takeBack(sent);
        if (files.length) composer.takeUp(null, files);
      },
    };
    const stateOf = (/** @type {Sent} */ sent) => {
      if (outbox.waitsForRefused(sent)) return "held";
      return app.state === "live" ? "sending" : "waiting";
    };
    const unsent = outbox.of(conversationId);
    fill(
      waiting,
      unsent.map((/** @type {Sent} */ sent) => createUnsentEntry(sent, stateOf(sent), buttons)),
    );
  };

  const drawSeen = () => {
    for (const element of log.querySelectorAll(".seen")) element.remove();
    const last = entries.findLast(({ type, role }) => type === "message" && role !== "visitor");
    const read = entries.find(({ _id }) => _id === readId);
    if (last && read && read.position >= last.position) drawn.get(last._id)?.append(h("p", { class: "seen" }, "Seen"));
  };

  // --- subscriptions ---

  const loadEarlier = () => {
    const before = (older[0] ?? entries[0])?.position;
    if (!before || earlier.disabled) return;
    earlier.disabled = true;
    const end = () => {
      stop();
      earlier.disabled = false;
    };
    const take = (/** @type {any} */ page) => {
      end();
      const height = log.scrollHeight;
      older = [...page.entries, ...older];
      hasMore = page.hasMore;
      draw();
      log.scrollTop += log.scrollHeight - height;
    };
    const stop = client.watch("inbox:thread", { conversationId, before }, take, end);
  };

  /** @param {any} error */
  const fail = (error) => {
    const isGone = error.data?.code === "NOT_FOUND";
    pane.replaceChildren(
      h(
        "p",
        { class: "nothing", role: "alert" },
        isGone ? "There is no such conversation, or you do not see its brand." : reasonOf(error),
      ),
    );
    app.onRow(null);
  };

  const of = { conversationId };
  const stops = [
    client.watch(
      "inbox:thread",
      of,
      (/** @type {any} */ value) => {
        const isFirst = !row;
        const { conversation } = value;
        row = conversation;
        const oldest = value.entries[0]?.position ?? 0;
        const moved = entries.filter(({ position }) => position < oldest); // pushed out of the newest page
        older = [...older, ...moved.filter(({ _id }) => !older.some((each) => each._id === _id))];
        entries = value.entries;
        if (!older.length) hasMore = value.hasMore;
        app.onRow(row);
        head.draw(conversation);
        draw();
        if (isFirst) {
          loading.remove();
          newest.toEnd();
          composer.loaded();
        }
        touch();
      },
      fail,
    ),
    client.watch(
      "presence:visitor",
      of,
      (/** @type {any} */ value) => {
        readId = value.readId;
        isVisitorTyping = value.typing;
        drawHere();
        drawSeen();
      },
      () => {},
    ),
    client.watch(
      "presence:list",
      of,
      (/** @type {any} */ people) => {
        others = people.filter((/** @type {any} */ each) => each.operatorId !== app.me._id);
        drawHere();
      },
      () => {},
    ),
  ];

  const drawHere = () => {
    const people = [...others];
    if (isVisitorTyping && row) people.unshift({ name: row.visitor.name, typing: true });
    const words = people.map(({ name, typing }, place) => [
      place > 0 && " · ",
      h("bdi", {}, name),
      ` is ${typing ? "typing …" : "viewing"}`,
    ]);
    fill(here, words);
  };

  const timer = setInterval(touch, TOUCH_EVERY);
  document.addEventListener("visibilitychange", touch);
  pane.replaceChildren(...head.elements, h("div", { class: "log-frame" }, log, newest.button), here, composer.form);

  return {
    composer,
    focus: head.focus,
    redraw: draw,
    get row() {
      return row;
    },
    close() {
      for (const stop of stops) stop();
      clearInterval(timer);
      document.removeEventListener("visibilitychange", touch);
    },
  };
}
