/**
 * The inbox: three panes that are updated live.
 *
 * The URL determines which conversation is open: /app/inbox/<id>/. All data comes over one connection, with an operator token
 * that the page requests with its session. When the session has ended, the page says so and links to the sign-in page.
 */

import { connect } from "../../live/client.js";
import { createCommands } from "./commands.js";
import { showConnection } from "./connection.js";
import { askPreferences, showKeys } from "./dialogs.js";
import { byId, fill, h, setText } from "./dom.js";
import { createFilters } from "./filters.js";
import { addresses, askToken, whenSignedOut } from "./http.js";
import { assignmentWords, createNotifications } from "./notifications.js";
import { createOutbox } from "./outbox.js";
import { createPagedList } from "./paged-list.js";
import { KEYS, listenToKeys } from "./shortcuts.js";
import { createThread } from "./thread.js";
import { createVirtualList } from "./virtual-list.js";
import { createVisitorPane } from "./visitor.js";

const root = byId("inbox");
const MOST_LINES = 3; // the most lines of mentions, and of assignments

const app = /** @type {any} */ ({
  me: { _id: "", name: "", preferences: {} },
  brands: [],
  colleagues: [],
  cannedReplies: [],
  tags: [],
  state: "connecting",
});

const client = connect(location.origin, {
  getToken: askToken,
  onState(state) {
    const isBack = state === "live" && app.hasBeenLive;
    app.hasBeenLive ||= state === "live";
    app.state = state;
    if (isBack) app.outbox?.reconnected();
    showConnection(app);
    thread?.redraw();
  },
});
app.client = client;
whenSignedOut(() => {
  app.isSignedOut = true;
  showConnection(app);
});

/** Return the colleagues who can be assigned to a conversation of this brand, or mentioned in it. */
app.colleaguesIn = (/** @type {string | undefined} */ brandId) =>
  app.colleagues.filter(
    (/** @type {any} */ { _id, brandIds }) =>
      _id !== app.me._id && (!brandIds || !brandId || brandIds.includes(brandId)),
  );

let thread = /** @type {ReturnType<typeof createThread> | null} */ (null);
let visitor = /** @type {ReturnType<typeof createVisitorPane> | null} */ (null);
let opened = "";

const commands = createCommands(app, () => thread?.row);
app.commands = commands;

// --- the list ---

const pages = createPagedList(
  client,
  () => drawList(),
  (ids) => list.unchoose(ids),
);
const list = createVirtualList(byId("list"), {
  onOpen: (id) => app.open(id),
  onChosen: () => drawMany(),
  onMore: () => pages.more(),
  onSeen: (ids) => pages.see(ids),
  onRead: (isAtTop) => pages.read(isAtTop),
});
let stopCounts = () => {};
const filters = createFilters((query) => {
  list.begin();
  pages.show(query);
  stopCounts();
  stopCounts = keep("inbox:counts", query.brandId ? { brandId: query.brandId } : {}, (counts) => filters.count(counts));
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
  bar.hidden = !list.chosen.size;
  fill(
    bar,
    commands.many(list.chosen, () => list.unchoose()),
  );
};

// --- the open conversation ---

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
  if (id) thread = createThread(byId("thread-pane"), app, id);
  else byId("thread-pane").replaceChildren(h("p", { class: "nothing" }, "Choose a conversation."));
};

app.open = (/** @type {string} */ id) => {
  if (id !== opened) history.pushState(null, "", addresses.conversation(id) + location.search);
  show(id);
  thread?.focus();
};
app.close = () => {
  history.pushState(null, "", addresses.base + location.search);
  show("");
  byId("list").focus();
};
app.onRow = (/** @type {any} */ row) => {
  if (!row || visitor?.visitor?._id === row.visitor._id) return;
  visitor?.close();
  visitor = createVisitorPane(byId("visitor-pane"), app, row);
};
app.createVisitorPane = () => root.classList.add("has-visitor");
app.hideVisitor = () => root.classList.remove("has-visitor");
root.addEventListener("click", (/** @type {any} */ event) => {
  const id = event.target.closest("[data-open]")?.dataset.open;
  if (!id || event.metaKey || event.ctrlKey) return;
  event.preventDefault();
  app.open(id);
});
app.isLookedAt = (/** @type {string} */ id) => id === opened && document.hasFocus();
const fromAddress = () => {
  filters.readAddress();
  show(location.pathname.slice(addresses.base.length).replace(/\/$/, ""));
};

// --- shared data ---

const notices = createNotifications(app);
const begin = () => {
  app.outbox = createOutbox(
    app.me._id,
    client,
    () => thread?.redraw(),
    (id) => id === opened && thread?.composer.takeDraft(),
  );
  fromAddress();
  addEventListener("popstate", fromAddress);
  keep("inbox:counts", {}, (counts) => notices.count(counts));
  keep("inbox:mentions", {}, (mentions) => {
    notices.mention(mentions);
    drawMentions(mentions);
  });
  keep("inbox:assignments", {}, (assignments) => {
    notices.assign(assignments);
    drawAssignments(assignments);
  });
};

/** Watch a query. If it fails, the last value stays on the screen; the line above it shows problems of the connection. */
const keep = (
  /** @type {string} */ name,
  /** @type {Record<string, any>} */ args,
  /** @type {(value: any) => void} */ onValue,
) => client.watch(name, args, onValue, () => {});

/** @param {any[]} mentions */
const drawMentions = (mentions) => {
  const found = mentions
    .slice(0, MOST_LINES)
    .map(({ conversationId, sender, visitor: name }) =>
      h(
        "a",
        { href: addresses.conversation(conversationId), "data-open": conversationId },
        `${sender} mentioned you: ${name}`,
      ),
    );
  byId("mentions").replaceChildren(...found);
};

/**
 * Show each assignment on a line, or many as one line that links to the operator's own conversations. A button dismisses them.
 * @param {any} assignments
 */
const drawAssignments = ({ count, newest }) => {
  const line = (/** @type {any} */ to, /** @type {number} */ many) =>
    h("a", to, assignmentWords(newest[0].assignedBy, many, newest[0].visitor));
  const each = newest.map((/** @type {any} */ { conversationId: id, assignedBy, visitor: name }) =>
    h("a", { href: addresses.conversation(id), "data-open": id }, assignmentWords(assignedBy, 1, name)),
  );
  const dismiss = () => client.mutate("inbox:seeAssignments", { until: newest[0].createdAt });
  const all = count > MOST_LINES ? [line({ href: `${addresses.base}?view=mine` }, count)] : each;
  const button = h("button", { type: "button", class: "plain", onclick: dismiss }, "Dismiss");
  byId("assignments").replaceChildren(...(count ? [...all, button] : []));
};

keep("operators:me", {}, (me) => {
  const isFirst = !app.me._id;
  app.me = me;
  if (isFirst) begin();
});
keep("server:state", {}, ({ late }) => {
  app.isLate = late;
  showConnection(app);
});
keep("brands:list", {}, (brands) => {
  app.brands = brands;
  filters.brands(brands);
  drawList();
});
keep("operators:list", {}, (people) => {
  app.colleagues = people;
  filters.people(people);
});
keep("cannedReplies:list", {}, (replies) => {
  app.cannedReplies = replies;
});
keep("tags:list", {}, (tags) => {
  app.tags = tags;
  filters.tags(tags);
});

// Without these listeners, a file that is dropped beside the composer would replace the page.
root.addEventListener("dragover", (/** @type {Event} */ event) => event.preventDefault());
root.addEventListener("drop", (/** @type {DragEvent} */ event) => {
  event.preventDefault();
  const files = [...(event.dataTransfer?.files ?? [])];
  if (files.length && thread?.row) thread.composer.attachFiles(files);
});

byId("preferences").addEventListener("click", () =>
  askPreferences(app.me.preferences, (changes) => {
    if (changes.desktop) globalThis.Notification?.requestPermission();
    return client.mutate("operators:prefer", changes);
  }),
);
listenToKeys(() => app.me.preferences.shortcuts, {
  j: () => list.move(1),
  k: () => list.move(-1),
  Enter: () => list.active && app.open(list.active),
  r: () => thread?.composer.turnTo("reply"),
  n: () => thread?.composer.turnTo("note"),
  e: commands.resolve,
  z: commands.snooze,
  a: commands.assign,
  i: commands.assignToMe,
  t: commands.tags,
  l: commands.lead,
  x: () => list.choose(),
  Escape: () => list.unchoose(),
  "/": () => filters.focus(),
  "?": () => showKeys(KEYS),
});
setInterval(() => list.refresh(), 30_000); // updates the relative times
