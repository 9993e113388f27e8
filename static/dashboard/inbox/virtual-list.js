/** The list of conversations: a listbox that keeps only the visible rows in the document. */

import { h, setAttribute } from "./dom.js";
import { createRow, updateRow } from "./list-row.js";

/**
 * @import { DrawnRow } from "./list-row.js"
 * @import { Row } from "./types.d.ts"
 */

const ROW_HEIGHT = 76; // as in list.css
const OVERSCAN = 5; // extra rows above and below the visible ones

/**
 * @param {object} options
 * @param {HTMLElement} options.box the listbox, which scrolls
 * @param {(id: string) => void} options.onOpen
 * @param {() => void} options.onSelect called when the set of selected rows changes
 * @param {() => void} options.onNearEnd called when the end of the list is near
 * @param {(ids: string[]) => void} options.onDraw called with the rows that are drawn
 * @param {(isAtTop: boolean) => void} options.onScroll
 */
export function createVirtualList({ box, onOpen, onSelect, onNearEnd, onDraw, onScroll }) {
  const space = h("div", { class: "space", role: "presentation" });
  const drawn = /** @type {Map<string, DrawnRow>} */ (new Map()); // by conversation id
  const selected = /** @type {Set<string>} */ (new Set());
  let order = /** @type {readonly string[]} */ ([]);
  let rowOf = /** @type {(id: string) => Row | undefined} */ (() => undefined);
  let brandName = /** @type {(id: string) => string} */ (() => "");
  let active = ""; // the row that the keyboard acts on
  let lastIndex = 0; // its last index
  let opened = "";
  let isScheduled = false;
  box.append(space);

  const draw = () => {
    isScheduled = false;
    const height = `${order.length * ROW_HEIGHT}px`;
    if (space.style.height !== height) space.style.height = height;
    const from = Math.max(0, Math.floor(box.scrollTop / ROW_HEIGHT) - OVERSCAN);
    const until = Math.min(order.length, Math.ceil((box.scrollTop + box.clientHeight) / ROW_HEIGHT) + OVERSCAN);
    const visible = new Set(order.slice(from, until));
    for (const [id, { element }] of drawn) {
      if (visible.has(id)) continue;
      element.remove();
      drawn.delete(id);
    }
    for (let index = from; index < until; index++) drawRow(order[index], index);
    setAttribute(box, "aria-activedescendant", drawn.has(active) ? `row-${active}` : null);
    onDraw([...visible]);
    if (until > order.length - OVERSCAN * 2 && order.length) onNearEnd();
  };

  const scheduleDraw = () => {
    if (isScheduled) return;
    isScheduled = true;
    requestAnimationFrame(draw);
  };

  /** @param {string} id @param {number} index */
  const drawRow = (id, index) => {
    const row = rowOf(id);
    if (!row) return;
    let known = drawn.get(id);
    if (!known) {
      known = createRow(row);
      drawn.set(id, known);
      space.append(known.element);
    }
    const { element, parts } = known;
    const transform = `translateY(${index * ROW_HEIGHT}px)`;
    if (element.style.transform !== transform) element.style.transform = transform;
    setAttribute(element, "aria-posinset", String(index + 1));
    setAttribute(element, "aria-setsize", String(order.length));
    setAttribute(element, "aria-selected", String(selected.size ? selected.has(id) : id === opened));
    element.classList.toggle("active", id === active);
    element.classList.toggle("opened", id === opened);
    const isUnread = Boolean(row.unread) && id !== opened;
    element.classList.toggle("unread", isUnread);
    element.classList.toggle("selected", selected.has(id));
    updateRow(parts, row, brandName(row.brandId), isUnread);
  };

  /** @param {string} id */
  const scrollTo = (id) => {
    const top = order.indexOf(id) * ROW_HEIGHT;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top + ROW_HEIGHT > box.scrollTop + box.clientHeight) box.scrollTop = top + ROW_HEIGHT - box.clientHeight;
  };

  const isListed = () => order.includes(active);

  /** Select a row, or deselect it. @param {string} id */
  const toggle = (id) => {
    if (!selected.delete(id)) selected.add(id);
    onSelect();
    scheduleDraw();
  };

  /** Select all rows from the active one to this one. @param {string} id */
  const selectRange = (id) => {
    const [from, until] = [order.indexOf(active), order.indexOf(id)].sort((a, b) => a - b);
    for (const each of order.slice(Math.max(0, from), until + 1)) selected.add(each);
    onSelect();
    scheduleDraw();
  };

  box.addEventListener("scroll", () => {
    onScroll(box.scrollTop < ROW_HEIGHT);
    scheduleDraw();
  });
  box.addEventListener("click", (event) => {
    const target = /** @type {Element} */ (event.target);
    const id = /** @type {HTMLElement | null} */ (target.closest(".row"))?.dataset.id;
    if (!id) return;
    const isToggle = target.closest(".tick") || event.metaKey || event.ctrlKey;
    if (event.shiftKey) selectRange(id);
    else if (isToggle) toggle(id);
    active = id;
    if (!event.shiftKey && !isToggle) onOpen(id);
  });
  new ResizeObserver(scheduleDraw).observe(box);

  const list = {
    /** @param {readonly string[]} next @param {(id: string) => Row | undefined} lookup @param {(id: string) => string} brand */
    show(next, lookup, brand) {
      const index = order.indexOf(active);
      if (index >= 0) lastIndex = index;
      order = next;
      rowOf = lookup;
      brandName = brand;
      scheduleDraw();
    },
    /** Move the active row. If it has left the list, move from its last position. @param {number} by */
    move(by) {
      const known = order.indexOf(active);
      const from = known >= 0 ? known : by > 0 ? lastIndex - 1 : lastIndex;
      lastIndex = Math.min(order.length - 1, Math.max(0, from + by));
      active = order[lastIndex] ?? "";
      if (active) scrollTo(active);
      scheduleDraw();
    },
    /** Mark the row of the open conversation. @param {string} id */
    setOpen(id) {
      opened = id;
      active = id;
      scheduleDraw();
    },
    scrollToTop() {
      box.scrollTop = 0;
      scheduleDraw();
    },
    /** Start a different list from its top, with nothing selected. */
    reset() {
      list.deselect();
      list.scrollToTop();
      active = opened;
      lastIndex = 0;
    },
    /** Select all rows that have been loaded. */
    selectAll() {
      for (const id of order) selected.add(id);
      onSelect();
      scheduleDraw();
    },
    toggleActive: () => isListed() && toggle(active),
    /** Deselect these rows, or all. @param {Iterable<string>} [ids] */
    deselect(ids = [...selected]) {
      let hasChanged = false;
      for (const id of ids) hasChanged = selected.delete(id) || hasChanged;
      if (!hasChanged) return;
      onSelect();
      scheduleDraw();
    },
    redraw: scheduleDraw,
    /** Return the row below this one, or above it if it is the last; "" if there is no other. @param {string} id */
    neighbor(id) {
      const index = order.indexOf(id);
      return order[index + 1] ?? order[index - 1] ?? "";
    },
    /** The id of the active row; "" if it is not in the list. */
    get active() {
      return isListed() ? active : "";
    },
    get selected() {
      return selected;
    },
  };
  box.addEventListener("keydown", (event) => {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8, Home: -1e9, End: 1e9 };
    const by = steps[/** @type {keyof typeof steps} */ (event.key)];
    if (by) list.move(by);
    else if (event.key === "Enter" && isListed()) onOpen(active);
    else if (event.key === " " && isListed()) toggle(active);
    else return;
    event.preventDefault();
  });
  return list;
}
