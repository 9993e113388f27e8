/** One conversation: its head, its entries, who else is here, and the composer. */

import { FACES, sentenceOf } from "./activity.js";
import { composerFor } from "./composer.js";
import { clock, date, day, h, setText, statusWord } from "./dom.js";

/**
 * @typedef {import("./outbox.js").Sent} Sent
 * @typedef {import("./dom.js").Row} Row
 * @typedef {{type: "message" | "note" | "activity", _id: string, position: number, createdAt: number, body: string, role: string,
 *   author: import("./dom.js").Person | null, attachments: any[], kind: string, actor: string, details: any}} Entry
 */

const TOUCH_EVERY = 15_000;
const NEAR_END = 80;

/**
 * @param {any} pane
 * @param {any} app what main.js offers: client, outbox, me, files, cannedReplies, colleagues, actions, onRow
 * @param {string} conversationId
 */
export function openThread(pane, app, conversationId) {
  const { client, outbox } = app;
  const drawn = /** @type {Map<string, any>} */ (new Map());
  let entries = /** @type {Entry[]} */ ([]);
  let older = /** @type {Entry[]} */ ([]);
  let hasMore = false;
  let row = /** @type {(Row & {brand: {name: string}}) | null} */ (null);
  let readId = /** @type {string | null} */ (null);
  let isTyping = false;
  let sending = /** @type {{name: string, reason: string}[]} */ ([]);
  const stops = /** @type {(() => void)[]} */ ([]);

  const name = h("h2", { tabindex: "-1" });
  const status = h("span", { class: "status" });
  const tools = h("div", { class: "tools" });
  const earlier = h(
    "button",
    { type: "button", class: "plain earlier", hidden: true, onclick: () => loadEarlier() },
    "Earlier messages",
  );
  const log = h("div", { id: "log", role: "log", "aria-label": "Messages", tabindex: "0" }, earlier);
  const waiting = h("div", { class: "waiting" });
  const here = h("p", { id: "here", role: "status" });
  const composer = composerFor({
    conversationId,
    outbox,
    cannedReplies: () => app.cannedReplies,
    colleagues: () => app.colleagues.filter((/** @type {any} */ each) => each._id !== app.me._id),
    words: () => ({
      "visitor.name": row?.visitor.name ?? "",
      "visitor.email": row?.visitor.email ?? "",
      "operator.name": app.me.name,
      "brand.name": row?.brand.name ?? "",
    }),
    newest: () => entries.findLast(({ type }) => type === "message")?._id,
    onTyping(now) {
      isTyping = now;
      touch();
    },
    onFile: (file) => sendFile(file),
  });

  const touch = () => {
    if (document.hidden || app.state !== "live") return;
    client.mutate("presence:touch", { conversationId, typing: isTyping }).catch(() => {});
    isTyping = false;
  };

  // --- drawing ---

  const draw = () => {
    const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_END;
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
      const element = drawn.get(entry._id) ?? newEntry(entry);
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
    if (isAtEnd) log.scrollTop = log.scrollHeight;
  };

  /** @param {Entry} entry */
  const newEntry = (entry) => {
    if (entry.type === "activity")
      return h("p", { class: "activity" }, sentenceOf(entry), " ", h("time", {}, clock(entry.createdAt)));
    const who = entry.type === "message" && entry.role === "visitor" ? row?.visitor.name : entry.author?.name;
    const kind = entry.type === "note" ? "note" : entry.role;
    const head = h(
      "p",
      { class: "who" },
      h("strong", {}, who ?? "Atlas"),
      entry.type === "note" && " noted",
      " ",
      h("time", {}, clock(entry.createdAt)),
    );
    const files = (entry.attachments ?? []).map(fileOf);
    const isFileOnly = files.length === 1 && entry.body === entry.attachments[0].name;
    return h("article", { class: `entry ${kind}` }, head, !isFileOnly && h("p", { class: "body" }, entry.body), files);
  };

  /** @param {any} file */
  const fileOf = ({ _id, name, contentType, width, height }) => {
    const href = `${app.files}${_id}/`;
    const shown = contentType.startsWith("image/")
      ? h("img", { src: href, alt: name, width, height, loading: "lazy" })
      : name;
    return h("p", { class: "file" }, h("a", { href, download: name }, shown));
  };

  const drawWaiting = () => {
    waiting.replaceChildren(
      ...outbox.of(conversationId).map(waitingEntry),
      ...sending.map(({ name, reason }) =>
        h("p", { class: "activity" }, reason ? `${name} was not sent: ${reason}` : `Sending ${name} …`),
      ),
    );
  };

  /** @param {Sent} sent */
  const waitingEntry = (sent) => {
    const { refused, kind, body } = sent;
    const isConflict = refused?.code === "CONFLICT";
    const words = refused
      ? `Not sent: ${refused.message}`
      : app.state === "live"
        ? "Sending …"
        : "Waiting for the connection …";
    const button = (/** @type {string} */ text, /** @type {() => void} */ onclick) =>
      h("button", { type: "button", class: "plain", onclick }, text);
    const buttons = refused && [
      button(isConflict ? "Send anyway" : "Try again", () => outbox.again(sent, { seenMessageId: undefined })),
      button("Edit", () => {
        outbox.takeBack(sent);
        composer.takeUp(sent);
      }),
      button("Discard", () => outbox.takeBack(sent)),
    ];
    const notice = h(
      "p",
      { class: refused ? "refused" : "quiet", role: refused ? "alert" : undefined },
      words,
      " ",
      buttons,
    );
    return h(
      "article",
      { class: `entry unsent ${kind === "note" ? "note" : "operator"}` },
      h("p", { class: "body" }, body),
      notice,
    );
  };

  const drawSeen = () => {
    for (const element of log.querySelectorAll(".seen")) element.remove();
    const last = entries.findLast(({ type, role }) => type === "message" && role !== "visitor");
    const read = entries.find(({ _id }) => _id === readId);
    if (last && read && read.position >= last.position) drawn.get(last._id)?.append(h("p", { class: "seen" }, "Seen"));
  };

  const drawHead = () => {
    if (!row) return;
    setText(name, row.visitor.name);
    const wakes = row.snoozedUntil ? ` until ${date(row.snoozedUntil)}` : "";
    const words = [
      row.brand.name,
      statusWord(row.status) + wakes,
      row.assignee ? `Assigned to ${row.assignee.name}` : "Unassigned",
    ];
    if (row.rating) words.push(`Rated ${FACES[row.rating]} ${row.rating} of 5`);
    setText(status, words.concat(row.tags.map((tag) => `#${tag.name}`)).join(" · "));
    tools.replaceChildren(...app.toolsFor(row));
  };

  // --- what is watched ---

  const loadEarlier = () => {
    const before = (older[0] ?? entries[0])?.position;
    if (!before) return;
    const stop = client.watch("inbox:thread", { conversationId, before }, (/** @type {any} */ page) => {
      stop();
      const height = log.scrollHeight;
      older = [...page.entries, ...older];
      hasMore = page.hasMore;
      draw();
      log.scrollTop += log.scrollHeight - height;
    });
  };

  /** @param {File} file */
  const sendFile = async (file) => {
    const entry = { name: file.name, reason: "" };
    sending.push(entry);
    draw();
    log.scrollTop = log.scrollHeight;
    const reason = await app.sendFile(conversationId, file);
    if (reason) entry.reason = reason;
    else sending = sending.filter((each) => each !== entry);
    draw();
  };

  /** @param {any} error */
  const fail = (error) => {
    const isGone = error.data?.code === "NOT_FOUND";
    pane.replaceChildren(
      h(
        "p",
        { class: "nothing", role: "alert" },
        isGone ? "There is no such conversation, or you do not see its brand." : error.message,
      ),
    );
    app.onRow(null);
  };

  const of = { conversationId };
  stops.push(
    client.watch(
      "inbox:thread",
      of,
      (/** @type {any} */ value) => {
        const isFirst = !row;
        row = value.conversation;
        const oldest = value.entries[0]?.position ?? 0;
        const moved = entries.filter(({ position }) => position < oldest); // pushed out of the newest page
        older = [...older, ...moved.filter(({ _id }) => !older.some((each) => each._id === _id))];
        entries = value.entries;
        if (!older.length) hasMore = value.hasMore;
        app.onRow(row);
        drawHead();
        draw();
        if (isFirst) {
          log.scrollTop = log.scrollHeight;
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
        app.visitorTypes = value.typing;
        drawHere();
        drawSeen();
      },
      () => {},
    ),
    client.watch(
      "presence:list",
      of,
      (/** @type {any} */ people) => {
        app.others = people.filter((/** @type {any} */ each) => each.operatorId !== app.me._id);
        drawHere();
      },
      () => {},
    ),
  );

  const drawHere = () => {
    const words = (app.others ?? []).map(
      (/** @type {any} */ { name, typing }) => `${name} is ${typing ? "typing …" : "viewing"}`,
    );
    if (app.visitorTypes && row) words.unshift(`${row.visitor.name} is typing …`);
    setText(here, words.join(" · "));
  };

  const timer = setInterval(touch, TOUCH_EVERY);
  document.addEventListener("visibilitychange", touch);
  const back = h("button", { type: "button", class: "plain back", onclick: () => app.close() }, "‹ All");
  const details = h("button", { type: "button", class: "plain details", onclick: () => app.showVisitor() }, "Details");
  pane.replaceChildren(
    h("header", {}, back, h("div", { class: "title" }, name, status), details),
    tools,
    log,
    here,
    composer.form,
  );

  return {
    composer,
    focus: () => name.focus(),
    redraw: () => {
      draw();
      drawHead();
    },
    get row() {
      return row;
    },
    close() {
      for (const stop of stops) stop();
      clearInterval(timer);
      document.removeEventListener("visibilitychange", touch);
      app.others = [];
      app.visitorTypes = false;
    },
  };
}
