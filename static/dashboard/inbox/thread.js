/** One conversation: its header, its entries, the presence of others, and the composer. */

import { createAutoscroll } from "./autoscroll.js";
import { createComposer } from "./composer.js";
import { day, fill, h, reasonOf } from "./dom.js";
import { createThreadHeader } from "./thread-header.js";
import { continues, createEntry, createUnsentEntry } from "./timeline.js";

/**
 * @import { LiveError } from "../../live/client.js"
 * @import { Commands } from "./commands.js"
 * @import { Outbox, OutboxItem } from "./outbox.js"
 * @import { Client, Colleague, Entry, InboxStore, ThreadPage } from "./types.d.ts"
 * @typedef {ReturnType<typeof createThread>} Thread
 */

const TOUCH_INTERVAL = 15_000;
const PAGE = 100;
const MAX_OLDER = 300;

/**
 * @param {object} options
 * @param {HTMLElement} options.pane
 * @param {string} options.conversationId
 * @param {InboxStore} options.store the thread sets `conversation`
 * @param {Client} options.client
 * @param {Outbox} options.outbox
 * @param {Commands} options.commands
 * @param {(brandId?: string) => Colleague[]} options.colleaguesIn
 * @param {() => void} options.onClose
 * @param {() => void} options.onShowVisitor
 */
export function createThread(options) {
  const { pane, conversationId, store, client, outbox, commands, colleaguesIn, onClose, onShowVisitor } = options;
  const elements = /** @type {Map<string, HTMLElement>} */ (new Map()); // by entry id
  let entries = /** @type {Entry[]} */ ([]);
  let older = /** @type {Entry[]} */ ([]);
  let hasMore = false;
  let lastPosition = 0;
  let readId = /** @type {string | null} */ (null);
  let others = /** @type {{name: string, typing: boolean}[]} */ ([]); // colleagues who are viewing the conversation
  let isVisitorTyping = false;

  const head = createThreadHeader({ commands, onClose, onShowVisitor });
  const earlier = h(
    "button",
    { type: "button", class: "button small earlier", hidden: true, click: () => loadEarlier() },
    "Earlier messages",
  );
  const loading = h("p", { class: "quiet" }, "Loading …");
  const log = h("div", { id: "log", role: "log", "aria-label": "Messages", tabindex: "0" }, earlier, loading);
  const autoscroll = createAutoscroll({ log });
  const unsent = h("div", { class: "waiting" });
  const presence = h("p", { id: "here", role: "status" });
  const conversation = () => store.get("conversation");
  const composer = createComposer({
    conversationId,
    outbox,
    cannedReplies: () =>
      store.get("cannedReplies").filter(({ brandId }) => !brandId || brandId === conversation()?.brandId),
    colleagues: () => colleaguesIn(conversation()?.brandId),
    placeholders: () => ({
      "visitor.name": conversation()?.visitor.name ?? "",
      "visitor.email": conversation()?.visitor.email ?? "",
      "operator.name": store.get("me")?.name ?? "",
      "brand.name": conversation()?.brand.name ?? "",
    }),
    newestMessageId: () => entries.findLast(({ type }) => type === "message")?._id,
    onTyping: () => touch(),
    onSent(resolves) {
      autoscroll.toEnd();
      if (resolves) commands.onResolved();
    },
    enterSends: () => Boolean(store.get("me")?.preferences.enterSends),
  });

  const touch = () => {
    if (document.hidden || store.get("connection") !== "live") return;
    client.mutate("presence:touch", { conversationId, typing: composer.isTyping }).catch(() => {});
  };

  // --- drawing ---

  const draw = () => {
    const isAtEnd = autoscroll.isAtEnd();
    if (isAtEnd && older.length > MAX_OLDER) {
      older = older.slice(-PAGE); // a reader at the end does not see them
      hasMore = true;
    }
    const all = [...older, ...entries];
    const known = new Set(all.map(({ _id }) => _id));
    for (const [id, element] of elements) {
      if (known.has(id)) continue;
      element.remove();
      elements.delete(id);
    }
    let previous = /** @type {HTMLElement} */ (earlier);
    let lastDay = "";
    let last = /** @type {Entry | undefined} */ (undefined);
    for (const entry of all) {
      const element = elements.get(entry._id) ?? createEntry(entry, conversation()?.visitor.name ?? "");
      elements.set(entry._id, element);
      const today = day(entry.createdAt);
      element.dataset.day = today === lastDay ? "" : today;
      lastDay = today;
      element.classList.toggle("continued", !element.dataset.day && continues(entry, last));
      last = entry;
      if (previous.nextElementSibling !== element) previous.after(element);
      previous = element;
    }
    drawUnsent();
    if (previous.nextElementSibling !== unsent) previous.after(unsent);
    earlier.hidden = !hasMore;
    drawSeen();
    const fresh = entries.filter(({ position, type }) => position > lastPosition && type !== "activity");
    lastPosition = entries.at(-1)?.position ?? 0;
    if (isAtEnd) autoscroll.toEnd();
    autoscroll.miss(isAtEnd ? 0 : fresh.length);
  };

  const drawUnsent = () => {
    const actions = {
      resend: (/** @type {OutboxItem} */ item) => outbox.resend(item, { seenMessageId: undefined }),
      edit: (/** @type {OutboxItem} */ item) => composer.restore(item, outbox.cancel(item)),
      remove(/** @type {OutboxItem} */ item) {
        const files = outbox.cancel(item);
        if (files.length) composer.restore(null, files);
      },
    };
    const stateOf = (/** @type {OutboxItem} */ item) => {
      if (outbox.waitsForRejected(item)) return "blocked";
      return store.get("connection") === "live" ? "sending" : "offline";
    };
    fill(
      unsent,
      outbox.of(conversationId).map((item) => createUnsentEntry(item, stateOf(item), actions)),
    );
  };

  const drawSeen = () => {
    for (const element of log.querySelectorAll(".seen")) element.remove();
    const last = entries.findLast((entry) => entry.type === "message" && entry.role !== "visitor");
    const read = entries.find(({ _id }) => _id === readId);
    if (last && read && read.position >= last.position)
      elements.get(last._id)?.append(h("p", { class: "seen" }, "Seen"));
  };

  const drawPresence = () => {
    const people = [...others];
    const visitor = conversation()?.visitor;
    if (isVisitorTyping && visitor) people.unshift({ name: visitor.name, typing: true });
    const parts = people.map(({ name, typing }, index) => [
      index > 0 && " · ",
      h("bdi", {}, name),
      ` is ${typing ? "typing …" : "viewing"}`,
    ]);
    fill(presence, parts);
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
    const onPage = (/** @type {ThreadPage} */ page) => {
      end();
      const height = log.scrollHeight;
      older = [...page.entries, ...older];
      hasMore = page.hasMore;
      draw();
      log.scrollTop += log.scrollHeight - height;
    };
    const stop = client.watch("inbox:thread", { conversationId, before }, onPage, end);
  };

  /** @param {ThreadPage} page */
  const onNewest = (page) => {
    const isFirst = !conversation();
    const oldest = page.entries[0]?.position ?? 0;
    const moved = entries.filter(({ position }) => position < oldest); // pushed out of the newest page
    older = [...older, ...moved.filter(({ _id }) => !older.some((each) => each._id === _id))];
    entries = page.entries;
    if (!older.length) hasMore = page.hasMore;
    store.set({ conversation: page.conversation });
    head.draw(page.conversation);
    draw();
    if (isFirst) {
      loading.remove();
      autoscroll.toEnd();
      composer.onThreadLoaded();
    }
    touch();
  };

  /** @param {LiveError} error */
  const fail = (error) => {
    const isMissing = error.data?.code === "NOT_FOUND";
    const reason = "This conversation does not exist, or you do not have access to its brand.";
    pane.replaceChildren(h("p", { class: "nothing", role: "alert" }, isMissing ? reason : reasonOf(error)));
  };

  const ignore = () => {};
  const stops = [
    client.watch("inbox:thread", { conversationId }, onNewest, fail),
    client.watch(
      "presence:visitor",
      { conversationId },
      (visitor) => {
        readId = visitor.readId;
        isVisitorTyping = visitor.typing;
        drawPresence();
        drawSeen();
      },
      ignore,
    ),
    client.watch(
      "presence:list",
      { conversationId },
      (people) => {
        others = people.filter(({ operatorId }) => operatorId !== store.get("me")?._id);
        drawPresence();
      },
      ignore,
    ),
    store.subscribe(["connection"], () => draw()),
  ];

  const timer = setInterval(touch, TOUCH_INTERVAL);
  document.addEventListener("visibilitychange", touch);
  pane.replaceChildren(
    ...head.elements,
    h("div", { class: "log-frame" }, log, autoscroll.button),
    presence,
    composer.form,
  );

  return {
    composer,
    focus: head.focus,
    redraw: draw,
    close() {
      for (const stop of stops) stop();
      clearInterval(timer);
      document.removeEventListener("visibilitychange", touch);
    },
  };
}
