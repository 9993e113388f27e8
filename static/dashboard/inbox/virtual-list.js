/** The list of conversations: a listbox that keeps only the visible rows in the document. */

import { ago, h, setAttribute, setText } from "./dom.js";

/** @typedef {import("./dom.js").Row} Row */

const ROW_HEIGHT = 76;
const SPARE = 5; // extra rows above and below the visible ones

/**
 * @param {any} box the listbox, which scrolls
 * @param {object} told
 * @param {(id: string) => void} told.onOpen
 * @param {() => void} told.onChosen called when the set of selected rows changes
 * @param {() => void} told.onMore called when the end of the list is near
 * @param {(ids: string[]) => void} told.onSeen called with the rows that are drawn
 * @param {(isAtTop: boolean) => void} told.onRead called when the list is scrolled
 */
export function createVirtualList(box, { onOpen, onChosen, onMore, onSeen, onRead }) {
  const space = h("div", { class: "space", role: "presentation" });
  const drawn = /** @type {Map<string, any>} */ (new Map()); // elements by conversation id
  const chosen = /** @type {Set<string>} */ (new Set());
  let order = /** @type {readonly string[]} */ ([]);
  let rowOf = /** @type {(id: string) => Row | undefined} */ (() => undefined);
  let brandName = /** @type {(id: string) => string} */ (() => "");
  let active = ""; // the row that the keyboard acts on
  let lastPlace = 0; // its last index
  let opened = "";
  let isDue = false;
  box.append(space);

  const draw = () => {
    isDue = false;
    const height = `${order.length * ROW_HEIGHT}px`;
    if (space.style.height !== height) space.style.height = height;
    const from = Math.max(0, Math.floor(box.scrollTop / ROW_HEIGHT) - SPARE);
    const until = Math.min(order.length, Math.ceil((box.scrollTop + box.clientHeight) / ROW_HEIGHT) + SPARE);
    const seen = new Set(order.slice(from, until));
    for (const [id, element] of drawn) {
      if (seen.has(id)) continue;
      element.remove();
      drawn.delete(id);
    }
    for (let place = from; place < until; place++) drawRow(order[place], place);
    setAttribute(box, "aria-activedescendant", drawn.has(active) ? `row-${active}` : null);
    onSeen([...seen]);
    if (until > order.length - SPARE * 2 && order.length) onMore();
  };

  const due = () => {
    if (isDue) return;
    isDue = true;
    requestAnimationFrame(draw);
  };

  /** @param {string} id @param {number} place */
  const drawRow = (id, place) => {
    const row = rowOf(id);
    if (!row) return;
    let element = drawn.get(id);
    if (!element) {
      element = newRow(id);
      drawn.set(id, element);
      space.append(element);
    }
    const transform = `translateY(${place * ROW_HEIGHT}px)`;
    if (element.style.transform !== transform) element.style.transform = transform;
    setAttribute(element, "aria-posinset", String(place + 1));
    setAttribute(element, "aria-setsize", String(order.length));
    setAttribute(element, "aria-selected", String(chosen.size ? chosen.has(id) : id === opened));
    element.classList.toggle("active", id === active);
    element.classList.toggle("opened", id === opened);
    element.classList.toggle("unread", Boolean(row.unread) && id !== opened);
    element.classList.toggle("chosen", chosen.has(id));
    const { name, time, preview, foot, mark } = element.parts;
    setText(name, row.visitor.name);
    setText(time, ago(row.lastActivityAt));
    setText(preview, row.preview);
    setText(mark, row.unread && id !== opened ? "Unread. " : "");
    const words = [
      brandName(row.brandId),
      row.assignee?.name ?? "Unassigned",
      ...row.tags.map((tag) => `#${tag.name}`),
    ];
    setText(foot, words.filter(Boolean).join(" · "));
  };

  /** @param {string} id */
  const newRow = (id) => {
    const parts = {
      mark: h("span", { class: "visually-hidden" }),
      name: h("strong"),
      time: h("time"),
      preview: h("p"),
      foot: h("p", { class: "foot" }),
    };
    const tick = h("span", { class: "tick", "aria-hidden": "true", title: "Choose (x); with Shift, all up to here" });
    const head = h("div", { class: "head" }, parts.mark, parts.name, parts.time);
    const element = h("div", { class: "row", role: "option", id: `row-${id}` }, tick, head, parts.preview, parts.foot);
    element.parts = parts;
    element.dataset.id = id;
    return element;
  };

  /** @param {string} id */
  const intoView = (id) => {
    const top = order.indexOf(id) * ROW_HEIGHT;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top + ROW_HEIGHT > box.scrollTop + box.clientHeight) box.scrollTop = top + ROW_HEIGHT - box.clientHeight;
  };

  const isHere = () => order.includes(active);

  /** @param {string} id */
  const choose = (id) => {
    if (!chosen.delete(id)) chosen.add(id);
    onChosen();
    due();
  };

  /** Select all rows from the active one to this one. @param {string} id */
  const chooseUntil = (id) => {
    const [from, until] = [order.indexOf(active), order.indexOf(id)].sort((a, b) => a - b);
    for (const each of order.slice(Math.max(0, from), until + 1)) chosen.add(each);
    onChosen();
    due();
  };

  box.addEventListener("scroll", () => {
    onRead(box.scrollTop < ROW_HEIGHT);
    due();
  });
  box.addEventListener("click", (/** @type {any} */ event) => {
    const id = event.target.closest(".row")?.dataset.id;
    if (!id) return;
    const isTick = event.target.closest(".tick") || event.metaKey || event.ctrlKey;
    if (event.shiftKey) chooseUntil(id);
    else if (isTick) choose(id);
    active = id;
    if (!event.shiftKey && !isTick) onOpen(id);
  });
  new ResizeObserver(due).observe(box);

  const list = {
    /** @param {readonly string[]} next @param {(id: string) => Row | undefined} lookup @param {(id: string) => string} brand */
    show(next, lookup, brand) {
      const place = order.indexOf(active);
      if (place >= 0) lastPlace = place;
      order = next;
      rowOf = lookup;
      brandName = brand;
      due();
    },
    /** Move the active row. If it has left the list, move from its last position. @param {number} by */
    move(by) {
      const known = order.indexOf(active);
      const from = known >= 0 ? known : by > 0 ? lastPlace - 1 : lastPlace;
      lastPlace = Math.min(order.length - 1, Math.max(0, from + by));
      active = order[lastPlace] ?? "";
      if (active) intoView(active);
      due();
    },
    /** @param {string} id */
    open(id) {
      opened = id;
      active = id;
      due();
    },
    top() {
      box.scrollTop = 0;
      due();
    },
    /** Start a different list from its top, with nothing selected. */
    begin() {
      list.unchoose();
      list.top();
      active = opened;
      lastPlace = 0;
    },
    choose: () => isHere() && choose(active),
    /** Deselect these rows, or all. @param {Iterable<string>} [ids] */
    unchoose(ids = [...chosen]) {
      let isOther = false;
      for (const id of ids) isOther = chosen.delete(id) || isOther;
      if (!isOther) return;
      onChosen();
      due();
    },
    refresh: due,
    /** The id of the active row; "" if it is not in the list. */
    get active() {
      return isHere() ? active : "";
    },
    get chosen() {
      return chosen;
    },
  };
  box.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8, Home: -1e9, End: 1e9 };
    const by = steps[/** @type {keyof typeof steps} */ (event.key)];
    if (by) list.move(by);
    else if (event.key === "Enter" && isHere()) onOpen(active);
    else if (event.key === " " && isHere()) choose(active);
    else return;
    event.preventDefault();
  });
  return list;
}
