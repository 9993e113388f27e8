/**
 * The inbox: three panes, all of them live.
 *
 * The page's own address says which conversation is open: /app/inbox/<id>/. Everything else comes over one connection, with an
 * operator token that the page's session is good for; when the session has ended, the page says so and leads to the sign-in.
 */

import { connect } from "../../live/client.js";
import { askLead, askPreferences, askSnooze, askTags, choose, showKeys } from "./dialogs.js";
import { byId, counted, h, setText } from "./dom.js";
import { filtersOf } from "./filters.js";
import { KEYS, listenToKeys } from "./keys.js";
import { listIn } from "./list.js";
import { noticesFor } from "./notices.js";
import { outboxOf } from "./outbox.js";
import { pagesOf } from "./pages.js";
import { openThread } from "./thread.js";
import { showVisitor } from "./visitor.js";

const root = byId("inbox");
const { base, token, files, signIn } = root.dataset;
const csrf = () => root.querySelector("[name=csrfmiddlewaretoken]").value;

/** Asks our own server. A session that has ended leads to the sign-in. @param {string} url @param {RequestInit} options */
const post = async (url, options = {}) => {
  const headers = { "X-CSRFToken": csrf(), Accept: "application/json" };
  const answer = await fetch(url, { method: "POST", headers, redirect: "manual", ...options });
  if (answer.type === "opaqueredirect" || answer.status === 403) {
    app.isSignedOut = true;
    drawConnection();
    throw new Error("You are signed out.");
  }
  return answer;
};

const app = /** @type {any} */ ({
  me: { _id: "", name: "", preferences: {} },
  brands: [],
  colleagues: [],
  tags: [],
  cannedReplies: [],
  state: "connecting",
  files,
  leads: base.replace("inbox/", "leads/"),
  pathOf: (/** @type {string} */ id) => `${base}${id}/`,
});

const client = connect(location.origin, {
  getToken: async () => (await (await post(token)).json()).token,
  onState(state) {
    app.state = state;
    drawConnection();
    thread?.redraw();
  },
});
app.client = client;

let thread = /** @type {ReturnType<typeof openThread> | null} */ (null);
let visitor = /** @type {ReturnType<typeof showVisitor> | null} */ (null);
let opened = "";

const drawConnection = () => {
  const line = byId("connection");
  const words = {
    live: "",
    connecting: "Reconnecting …",
    offline: "You are offline. What you write is kept, and sent when the connection is back.",
  };
  if (app.isSignedOut)
    line.replaceChildren(
      "You are signed out. ",
      h("a", { href: `${signIn}?next=${location.pathname}` }, "Sign in again"),
    );
  else setText(line, words[/** @type {keyof typeof words} */ (app.state)]);
  line.hidden = !line.textContent;
};

/** A mutation whose failure is told. @param {string} name @param {Record<string, any>} args */
const change = async (name, args) => {
  try {
    return await client.mutate(name, args);
  } catch (error) {
    byId("list-note").textContent = /** @type {Error} */ (error).message;
  }
};

// --- the list ---

const pages = pagesOf(client, () => drawList());
const list = listIn(byId("list"), {
  onOpen: (id) => app.open(id),
  onChosen: () => drawMany(),
  onMore: () => pages.more(),
  onRead: (isAtTop) => pages.read(isAtTop),
});
const filters = filtersOf((query) => {
  list.unchoose();
  list.top();
  pages.show(query);
});

const drawList = () => {
  list.show(
    pages.order,
    pages.row,
    (id) => (app.brands.length > 1 ? app.brands.find((/** @type {any} */ each) => each._id === id)?.name : "") ?? "",
  );
  const fresh = byId("fresh");
  setText(fresh, `${pages.fresh} new ↑`);
  fresh.hidden = !pages.fresh;
  setText(
    byId("list-note"),
    pages.error || (pages.isLoading ? "Loading …" : pages.order.length ? "" : "Nothing here."),
  );
};
byId("fresh").addEventListener("click", () => list.top());

const drawMany = () => {
  const bar = byId("many");
  const ids = [...list.chosen];
  bar.hidden = !ids.length;
  const button = (/** @type {string} */ text, /** @type {() => void} */ onclick) =>
    h("button", { type: "button", class: "plain", onclick }, text);
  const all = (/** @type {Record<string, any>} */ changes) => {
    change("conversations:change", { conversationIds: ids, ...changes });
    list.unchoose();
  };
  bar.replaceChildren(
    h("span", {}, `${counted("conversation", ids.length)} chosen`),
    button("Assign", () => askAssignee((operatorId) => all({ operatorId }))),
    button("Snooze", () => askSnooze((until) => all({ status: "snoozed", snoozedUntil: until }))),
    button("Resolve", () => all({ status: "resolved" })),
    button("Choose none", () => list.unchoose()),
  );
};

// --- what is done to the conversation that is open ---

/** @param {(operatorId: string | null) => void} take */
const askAssignee = (take) => {
  const others = app.colleagues.filter((/** @type {any} */ each) => each._id !== app.me._id);
  choose("Assign to", [
    { label: "Me", take: () => take(app.me._id) },
    ...others.map((/** @type {any} */ { _id, name }) => ({ label: name, take: () => take(_id) })),
    { label: "Nobody", take: () => take(null) },
  ]);
};

const of = () => ({ conversationId: opened });
const does = {
  assign: () => opened && askAssignee((operatorId) => change("conversations:assign", { ...of(), operatorId })),
  assignToMe: () => opened && change("conversations:assign", { ...of(), operatorId: app.me._id }),
  snooze: () =>
    opened &&
    askSnooze((until) => change("conversations:setStatus", { ...of(), status: "snoozed", snoozedUntil: until })),
  resolve() {
    if (!thread?.row) return;
    const status = thread.row.status === "open" || thread.row.status === "snoozed" ? "resolved" : "open";
    change("conversations:setStatus", { ...of(), status });
  },
  close: () => opened && change("conversations:setStatus", { ...of(), status: "closed" }),
  tags() {
    const row = thread?.row;
    if (!row) return;
    const had = new Set(row.tags.map(({ _id }) => _id));
    askTags(
      app.tags,
      had,
      (tagIds) => change("conversations:setTags", { conversationId: row._id, tagIds }),
      async (name) => (await client.mutate("tags:create", { name })).tagId,
    );
  },
  lead() {
    if (!thread?.row) return;
    const { name, email, phone } = thread.row.visitor;
    const conversationId = opened;
    askLead({ name, email: email ?? "", phone: phone ?? "" }, (lead) =>
      change("leads:create", { ...lead, conversationId }),
    );
  },
};
app.createLead = does.lead;
app.sendTranscript = (/** @type {string} */ to) => change("conversations:sendTranscript", { ...of(), to });
app.block = (/** @type {boolean} */ blocked) => change("conversations:blockVisitor", { ...of(), blocked });

/** @param {any} row */
app.toolsFor = (row) => {
  const isOver = row.status === "resolved" || row.status === "closed";
  const button = (/** @type {string} */ text, /** @type {string} */ key, /** @type {() => void} */ onclick) =>
    h("button", { type: "button", class: "plain", title: key && `Key: ${key}`, onclick }, text);
  return [
    button("Assign", "a", does.assign),
    row.assignee?._id !== app.me._id && button("To me", "i", does.assignToMe),
    !isOver && button("Snooze", "z", does.snooze),
    button("Tags", "t", does.tags),
    button(isOver ? "Reopen" : "Resolve", "e", does.resolve),
    row.status !== "closed" && button("Close", "", does.close),
  ].filter(Boolean);
};

app.sendFile = async (/** @type {string} */ conversationId, /** @type {File} */ file) => {
  const body = new FormData();
  for (const [name, value] of Object.entries({
    conversationId,
    clientMessageId: crypto.getRandomValues(new Uint32Array(4)).join("-"),
  }))
    body.set(name, value);
  body.set("file", file);
  try {
    const answer = await post(files, { body });
    return answer.ok ? "" : (await answer.json()).error;
  } catch (error) {
    return /** @type {Error} */ (error).message;
  }
};

// --- which conversation is open ---

/** @param {string} id */
const show = (id) => {
  if (id === opened) return;
  thread?.close();
  visitor?.close();
  thread = visitor = null;
  opened = id;
  list.open(id);
  root.classList.toggle("has-thread", Boolean(id));
  root.classList.remove("has-visitor");
  if (id) thread = openThread(byId("thread-pane"), app, id);
  else byId("thread-pane").replaceChildren(h("p", { class: "nothing" }, "Choose a conversation."));
};

app.open = (/** @type {string} */ id) => {
  if (id !== opened) history.pushState(null, "", app.pathOf(id));
  show(id);
  thread?.focus();
};
app.close = () => {
  history.pushState(null, "", base);
  show("");
  byId("list").focus();
};
app.onRow = (/** @type {any} */ row) => {
  if (!row || visitor?.visitor?._id === row.visitor._id) return;
  visitor?.close();
  visitor = showVisitor(byId("visitor-pane"), app, row);
};
app.showVisitor = () => root.classList.add("has-visitor");
app.hideVisitor = () => root.classList.remove("has-visitor");
root.addEventListener("click", (/** @type {any} */ event) => {
  const id = event.target.closest("[data-open]")?.dataset.open;
  if (!id || event.metaKey || event.ctrlKey) return;
  event.preventDefault();
  app.open(id);
});
const fromAddress = () => show(location.pathname.slice(base.length).replace(/\/$/, ""));

// --- what all of it needs ---

const notices = noticesFor(app);
const begin = () => {
  app.outbox = outboxOf(app.me._id, client, () => thread?.redraw());
  filters.begin();
  fromAddress();
  addEventListener("popstate", fromAddress);
  client.watch(
    "inbox:counts",
    {},
    (counts) => {
      filters.count(counts);
      notices.count(counts);
    },
    () => {},
  );
  client.watch(
    "inbox:mentions",
    {},
    (mentions) => {
      notices.mention(mentions);
      drawMentions(mentions);
    },
    () => {},
  );
};

/** @param {any[]} mentions */
const drawMentions = (mentions) => {
  const found = mentions
    .slice(0, 3)
    .map(({ conversationId, author, visitor: name }) =>
      h(
        "a",
        { href: app.pathOf(conversationId), "data-open": conversationId },
        `${author?.name ?? "Somebody"} mentioned you: ${name}`,
      ),
    );
  byId("mentions").replaceChildren(...found);
};

client.watch(
  "operators:me",
  {},
  (me) => {
    const isFirst = !app.me._id;
    app.me = me;
    if (isFirst) begin();
  },
  () => {},
);
client.watch(
  "brands:list",
  {},
  (brands) => {
    app.brands = brands;
    filters.brands(brands);
    drawList();
  },
  () => {},
);
client.watch(
  "operators:list",
  {},
  (people) => {
    app.colleagues = people;
    filters.people(people);
  },
  () => {},
);
client.watch(
  "tags:list",
  {},
  (tags) => {
    app.tags = tags;
    filters.tags(tags);
  },
  () => {},
);
client.watch(
  "cannedReplies:list",
  {},
  (replies) => {
    app.cannedReplies = replies;
  },
  () => {},
);

byId("preferences").addEventListener("click", () =>
  askPreferences(app.me.preferences, (changes) => {
    if (changes.desktop) globalThis.Notification?.requestPermission();
    change("operators:prefer", changes);
  }),
);
listenToKeys(() => app.me.preferences.shortcuts, {
  j: () => list.move(1),
  k: () => list.move(-1),
  Enter: () => list.active && app.open(list.active),
  r: () => thread?.composer.turnTo("reply"),
  n: () => thread?.composer.turnTo("note"),
  e: does.resolve,
  z: does.snooze,
  a: does.assign,
  i: does.assignToMe,
  t: does.tags,
  l: does.lead,
  x: () => list.choose(),
  "/": () => filters.focus(),
  "?": () => showKeys(KEYS),
});
setInterval(() => list.refresh(), 30_000); // times that have passed
