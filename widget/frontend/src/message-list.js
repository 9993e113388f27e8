import { element, setAttribute, setText } from "../../../static/shared/dom.js";

/**
 * The scrolling list of messages.
 *
 * @typedef {import("./timeline.js").Item} Item
 * @typedef {{items: Item[], greeting: string, typing: string[], hasMore: boolean, isClosed: boolean}} Model
 */

const BOTTOM = 48;
const TOP = 40;

/**
 * @param {import("./texts.js").Texts} texts
 * @param {object} on
 * @param {(key: string) => void} on.retry
 * @param {(key: string) => void} on.remove
 * @param {() => void} on.older
 * @param {(place: HTMLElement, file: import("./api.js").Attachment, key: string) => void} on.file shows the file there
 * @param {() => void} on.bottom called when the newest message has scrolled into view
 */
export function createMessageList({ t, clock, day }, on) {
  const nodes = /** @type {Map<string, {text: string, node: HTMLElement}>} */ (new Map());
  const list = element("div", { class: "list", role: "log", "aria-label": t("title") });
  const older = element("button", { class: "chip older", click: on.older }, t("older"));
  const typing = element("p", { class: "typing", hidden: true });
  const scroller = element("div", { class: "scroller", tabindex: "0", scroll }, older, list, typing);
  const down = element("button", { class: "chip down", hidden: true, click: toBottom }, t("newMessage"));
  const box = element("div", { class: "log" }, scroller, down);
  /** @type {string | undefined} */
  let first;
  /** @type {string | undefined} */
  let last;
  let isPinned = true; // stay at the end when something changes the height, such as an image or the on-screen keyboard
  let height = 0;

  const isAtBottom = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < BOTTOM;

  function toBottom() {
    height = scroller.scrollHeight;
    scroller.scrollTop = height;
  }

  const pin = new ResizeObserver(() => {
    if (isPinned) toBottom();
  });
  pin.observe(scroller);
  pin.observe(list);

  function scroll() {
    isPinned = isAtBottom() || (isPinned && scroller.scrollHeight !== height); // growing content does not count as scrolling away
    height = scroller.scrollHeight;
    if (isPinned && !down.hidden) {
      down.hidden = true;
      on.bottom();
    }
    if (scroller.scrollTop < TOP && !older.hidden) on.older();
  }

  /**
   * Return the existing element of this key if its model is unchanged, or else a new one.
   * @param {string} key @param {unknown} model @param {() => HTMLElement} make @returns {HTMLElement}
   */
  const keep = (key, model, make) => {
    const text = JSON.stringify(model);
    const known = nodes.get(key);
    if (known?.text === text) return known.node;
    const node = make();
    nodes.set(key, { text, node });
    return node;
  };

  /** @param {Item} item */
  const draw = (item) => {
    const wrap = element("div", {
      class: `message ${item.isOwn ? "own" : "other"}${item.isFirst ? " first" : ""}${item.isLast ? " last" : ""} ${item.state}`,
    });
    if (item.isNewDay) wrap.append(element("p", { class: "day" }, day(item.at)));
    if (item.isFirst && item.name) wrap.append(element("p", { class: "name" }, item.name));
    if (item.isOwn) wrap.append(element("span", { class: "unseen" }, t("you")));
    for (const file of item.files) {
      const place = element("div", { class: "text" }, file.name);
      wrap.append(place);
      on.file(place, file, item.key);
    }
    if (item.body !== item.files[0]?.name) wrap.append(element("div", { class: "text body" }, item.body));
    if (item.state === "failed")
      wrap.append(
        element(
          "p",
          { class: "meta" },
          `${t("notSent")} `,
          element("button", { click: () => on.retry(item.key) }, t("retry")),
          " ",
          element("button", { click: () => on.remove(item.key) }, t("remove")),
        ),
      );
    else if (item.isLast || item.state) {
      const label = item.state && t(item.state);
      wrap.append(
        element("p", { class: "meta" }, item.state === "sending" ? label : clock(item.at) + (label && ` · ${label}`)),
      );
    }
    return wrap;
  };

  /** @param {HTMLElement[]} wanted */
  const arrange = (wanted) => {
    const kept = new Set(wanted);
    for (const child of [...list.children]) if (!kept.has(/** @type {HTMLElement} */ (child))) child.remove();
    wanted.forEach((node, index) => {
      if (list.children[index] !== node) list.insertBefore(node, list.children[index] ?? null);
    });
  };

  return {
    box,
    isAtBottom,
    toBottom,
    /** @param {Model} model */
    draw({ items, greeting, typing: names, hasMore, isClosed }) {
      const { scrollHeight, scrollTop } = scroller;
      const newest = items.at(-1);
      const isOlder = Boolean(first && items[0]?.key !== first);
      setAttribute(list, "aria-busy", isOlder && "true");
      const wanted = items.map((item) => keep(item.key, item, () => draw(item)));
      if (!hasMore && greeting)
        wanted.unshift(
          keep("", greeting, () =>
            element("div", { class: "message other first last" }, element("div", { class: "text" }, greeting)),
          ),
        );
      if (isClosed) wanted.push(keep("closed", 0, () => element("p", { class: "day" }, t("conversationClosed"))));
      arrange(wanted);
      older.hidden = !hasMore;
      typing.hidden = !names.length;
      setText(typing, names.length ? t("typing", { name: names.join(", ") }) : "");
      const isNew = newest && newest.key !== last;
      if (isPinned || (isNew && newest.isOwn && newest.state === "sending")) toBottom();
      else if (isOlder) scroller.scrollTop = scrollTop + scroller.scrollHeight - scrollHeight;
      else if (isNew && !newest.isOwn && last) down.hidden = false;
      first = items[0]?.key;
      last = newest?.key;
    },
  };
}
