/** The list of conversations: a listbox that keeps only the visible rows in the document. */

import { previewOf } from "../../shared/markup/preview.js";
import { ago, calendarDay, duration, fill, h, isolated, setAttribute, setText, statusName } from "./dom.js";

/**
 * @import { Match, Row } from "./types.d.ts"
 * @typedef {Record<"mark" | "name" | "wait" | "waitWords" | "time" | "preview" | "foot", HTMLElement>} Parts
 * @typedef {{element: HTMLElement, parts: Parts}} DrawnRow
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
      known = createRow(id);
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
    element.classList.toggle("unread", Boolean(row.unread) && id !== opened);
    element.classList.toggle("selected", selected.has(id));
    setText(parts.name, row.visitor.name);
    const [wait, words] = row.waitingSince ? duration(row.waitingSince) : ["", ""];
    setText(parts.wait, wait);
    setText(parts.waitWords, wait && `Waiting for ${words}. `);
    setText(parts.time, row.match ? calendarDay(row.match.createdAt) : ago(row.lastActivityAt));
    if (row.match || parts.preview.childElementCount)
      fill(parts.preview, row.match ? markedText(row.match) : previewOf(row.preview));
    else setText(parts.preview, previewOf(row.preview));
    setText(parts.mark, row.unread && id !== opened ? "Unread. " : "");
    const isInSearch = row.match !== undefined;
    const facts = [
      isInSearch && row.status !== "open" && statusName(row.status),
      brandName(row.brandId),
      row.assignee?.name ?? "Unassigned",
      ...row.tags.map((tag) => `#${tag.name}`),
    ];
    setFacts(parts.foot, /** @type {string[]} */ (facts.filter(Boolean)));
  };

  /** @param {Match} match */
  const markedText = ({ parts }) => parts.map(({ text, marked }) => (marked ? h("mark", {}, text) : text));

  /** @param {string} id @returns {DrawnRow} */
  const createRow = (id) => {
    const parts = {
      mark: h("span", { class: "visually-hidden" }),
      name: h("strong"),
      wait: h("span", { class: "wait", "aria-hidden": "true", title: "How long the visitor has been waiting" }),
      waitWords: h("span", { class: "visually-hidden" }),
      time: h("time"),
      preview: h("p"),
      foot: h("p", { class: "foot" }),
    };
    const tick = h("span", { class: "tick", "aria-hidden": "true", title: "Select (x). Shift+click selects a range" });
    const { mark, name, wait, waitWords, time } = parts;
    const head = h("div", { class: "head" }, mark, name, wait, waitWords, time);
    const element = h("div", { class: "row", role: "option", id: `row-${id}` }, tick, head, parts.preview, parts.foot);
    element.dataset.id = id;
    return { element, parts };
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

/** Show names side by side, unless they are shown already. @param {HTMLElement} line @param {string[]} facts */
const setFacts = (line, facts) => {
  if (line.textContent === facts.join(" · ")) return;
  line.replaceChildren(...facts.flatMap((fact, index) => [index ? " · " : "", isolated(fact)]));
};
