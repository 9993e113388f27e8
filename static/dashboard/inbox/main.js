/**
 * The inbox: three panes that are updated live.
 *
 * The URL determines which conversation is open: /app/inbox/<id>/. All data comes over one connection, with an operator token
 * that the page requests with its session. When the session has ended, the page says so and links to the sign-in page.
 */

import { connect } from "../../live/client.js";
import { createAlerts } from "./alerts.js";
import { createBulkActions } from "./bulk.js";
import { createCommands } from "./commands.js";
import { createConnectionLine } from "./connection.js";
import { askPreferences, showKeys } from "./dialogs.js";
import { byId, fill, setText } from "./dom.js";
import { createFilters } from "./filters.js";
import { createHttp } from "./http.js";
import { createNotifications } from "./notifications.js";
import { createOutbox } from "./outbox.js";
import { createPagedList } from "./paged-list.js";
import { createPanes } from "./panes.js";
import { createShortcuts, KEYS } from "./shortcuts.js";
import { createStore } from "./store.js";
import { showToast } from "./toast.js";
import { createVirtualList } from "./virtual-list.js";

/**
 * @import { Outbox } from "./outbox.js"
 * @import { Client, InboxState, Preferences, Queries, QueryName } from "./types.d.ts"
 */

const REDRAW_INTERVAL = 30_000; // updates the relative times

const store = createStore(
  /** @type {InboxState} */ ({
    me: null,
    brands: [],
    colleagues: [],
    cannedReplies: [],
    tags: [],
    connection: "connecting",
    isSignedOut: false,
    isLate: false,
    openId: "",
    conversation: null,
  }),
);
let outbox = /** @type {Outbox | null} */ (null);
let hasBeenLive = false;

const http = createHttp({ onSignedOut: () => store.set({ isSignedOut: true }) });
const client = /** @type {Client} */ (
  connect(location.origin, {
    getToken: http.requestToken,
    onState(connection) {
      store.set({ connection });
      if (connection === "live" && hasBeenLive) outbox?.onReconnect();
      hasBeenLive ||= connection === "live";
    },
  })
);

/**
 * Watch a query. If it fails, the last value stays on the screen; the line above it shows problems of the connection.
 * @template {QueryName} Name
 * @param {Name} name @param {Queries[Name]["args"]} args @param {(value: Queries[Name]["value"]) => void} onValue
 */
const watch = (name, args, onValue) => client.watch(name, args, onValue, () => {});

/** Return the colleagues who can be assigned to a conversation of this brand, or mentioned in it. @param {string} [brandId] */
const colleaguesIn = (brandId) =>
  store
    .get("colleagues")
    .filter(
      ({ _id, brandIds }) => _id !== store.get("me")?._id && (!brandIds || !brandId || brandIds.includes(brandId)),
    );

const hasPreference = (/** @type {keyof Preferences} */ name) => Boolean(store.get("me")?.preferences[name]);

/** Open the next conversation after the open one has been resolved, if the operator prefers that. */
const openNext = () => {
  if (!hasPreference("nextAfterResolving")) return;
  const next = list.neighbor(store.get("openId"));
  if (next) panes.open(next);
  else {
    panes.close();
    showToast("All done: there are no more conversations in this view.");
  }
};

const commands = createCommands({ store, client, colleaguesIn, onLeave: () => panes.close(), onResolved: openNext });
createConnectionLine({ store });

// --- the list ---

const pages = createPagedList({
  client,
  onChange: () => drawList(),
  onRemove: (ids) => list.deselect(ids),
});
const list = createVirtualList({
  box: byId("list"),
  onOpen: (id) => panes.open(id),
  onSelect: () => drawBulkActions(),
  onNearEnd: () => pages.loadMore(),
  onDraw: (ids) => pages.showRows(ids),
  onScroll: (isAtTop) => pages.onScroll(isAtTop),
});
const bulk = createBulkActions({
  store,
  client,
  commands,
  selected: list.selected,
  row: pages.row,
  deselect: () => list.deselect(),
  selectAll: () => list.selectAll(),
});
let stopCounts = () => {};
const filters = createFilters({
  onChange(query) {
    list.reset();
    pages.show(query);
    stopCounts();
    stopCounts = watch("inbox:counts", query.brandId ? { brandId: query.brandId } : {}, filters.showCounts);
  },
});

/** Return the name of a brand; "" if there is only one. @param {string} id */
const brandName = (id) => {
  const brands = store.get("brands");
  return (brands.length > 1 && brands.find(({ _id }) => _id === id)?.name) || "";
};

const drawList = () => {
  list.show(pages.order, pages.row, brandName);
  const fresh = byId("fresh");
  setText(fresh, `${pages.fresh} new ↑`);
  fresh.hidden = !pages.fresh;
  const emptyText = pages.order.length ? "" : "No conversations.";
  setText(byId("list-note"), pages.error || (pages.isLoading ? "Loading …" : emptyText));
};
byId("fresh").addEventListener("click", () => list.scrollToTop());

const drawBulkActions = () => {
  const bar = byId("many");
  bar.hidden = !list.selected.size;
  fill(bar, bulk.bar());
};

// --- the open conversation ---

const panes = createPanes({ store, client, commands, colleaguesIn, onShow: list.setOpen });

const readUrl = () => {
  filters.readUrl();
  panes.readUrl();
};

// --- shared data ---

const alerts = createAlerts({ client });
const notifications = createNotifications({ store, onOpen: panes.open });

/** Begin once the operator is known. @param {string} operatorId */
const begin = (operatorId) => {
  outbox = createOutbox({
    operatorId,
    client,
    uploadFile: http.uploadFile,
    onChange: () => panes.thread?.redraw(),
    onDraftChange: (id) => id === store.get("openId") && panes.thread?.composer.loadDraft(),
  });
  panes.setOutbox(outbox);
  readUrl();
  addEventListener("popstate", readUrl);
  watch("inbox:counts", {}, notifications.onCounts);
  watch("inbox:mentions", {}, (mentions) => {
    notifications.onMentions(mentions);
    alerts.showMentions(mentions);
  });
  watch("inbox:assignments", {}, (assignments) => {
    notifications.onAssignments(assignments);
    alerts.showAssignments(assignments);
  });
};

watch("operators:me", {}, (me) => {
  const isFirst = !store.get("me");
  store.set({ me });
  if (isFirst) begin(me._id);
});
watch("server:state", {}, ({ late }) => store.set({ isLate: late }));
watch("brands:list", {}, (brands) => {
  store.set({ brands });
  filters.setBrands(brands);
  drawList();
});
watch("operators:list", {}, (colleagues) => {
  store.set({ colleagues });
  filters.setOperators(colleagues);
});
watch("cannedReplies:list", {}, (cannedReplies) => store.set({ cannedReplies }));
watch("tags:list", {}, (tags) => {
  store.set({ tags });
  filters.setTags(tags);
});

// --- preferences and shortcuts ---

byId("preferences").addEventListener("click", () => {
  const me = store.get("me");
  if (!me) return;
  askPreferences(me.preferences, (changes) => {
    if (changes.desktop) globalThis.Notification?.requestPermission();
    return client.mutate("operators:prefer", changes);
  });
});
createShortcuts({
  isEnabled: () => hasPreference("shortcuts"),
  actions: {
    j: () => list.move(1),
    k: () => list.move(-1),
    Enter: () => list.active && panes.open(list.active),
    r: () => panes.thread?.composer.showDraft("reply"),
    n: () => panes.thread?.composer.showDraft("note"),
    e: () => bulk.run("resolve"),
    z: () => bulk.run("snooze"),
    a: () => bulk.run("assign"),
    i: () => bulk.run("assignToMe"),
    t: () => bulk.run("tags"),
    l: commands.lead,
    u: () => commands.markUnread(store.get("openId") || list.active),
    x: () => list.toggleActive(),
    X: () => list.selectAll(),
    Escape: () => list.deselect(),
    "/": () => filters.focus(),
    "?": () => showKeys(KEYS),
  },
});
setInterval(() => list.redraw(), REDRAW_INTERVAL);
