/**
 * The rows of one view of the inbox, in pages that are each watched live.
 *
 * 1. The first page is always watched. While the reader is at the top, the list shows its rows in its order.
 * 2. When the reader has scrolled down, the order is frozen, so that rows do not move under the pointer. Rows are updated in
 *    place, rows that left the view are removed, and new ones are counted as fresh.
 * 3. Near the end, the next page is watched, after the cursor of the last one. Pages far from the visible rows are unsubscribed,
 *    and watched again when they come near.
 * 4. When the reader returns to the top (or clicks "3 new"), all pages but the first are dropped, and step 1 applies again.
 *
 * @typedef {import("./dom.js").Row} Row
 * @typedef {{rows: Row[], next: string | null}} Page
 * @typedef {{after: string, page: Page | null, stop: (() => void) | null}} Further
 * @typedef {ReturnType<typeof import("../../live/client.js").connect>} Client
 */

import { reasonOf } from "./dom.js";

export const PAGE = 100;

/**
 * @param {Client} client
 * @param {() => void} onChange called when the order, a row or the number of fresh rows changes
 * @param {(ids: Set<string>) => void} onGone called with the rows that have left the view
 */
export function createPagedList(client, onChange, onGone) {
  const rows = /** @type {Map<string, Row>} */ (new Map());
  let order = /** @type {string[]} */ ([]);
  let first = /** @type {Page | null} */ (null);
  let further = /** @type {Further[]} */ ([]);
  const placeOf = /** @type {Map<string, number>} */ (new Map()); // index in `further`, by conversation id
  let stopFirst = () => {};
  let query = /** @type {Record<string, any>} */ ({});
  let newestShown = 0;
  let fresh = 0;
  let isFrozen = false;
  let error = "";

  const dropFurther = () => {
    for (const { stop } of further) stop?.();
    further = [];
    placeOf.clear();
  };

  const toTop = () => {
    dropFurther();
    isFrozen = false;
    fresh = 0;
    rows.clear();
    for (const row of first?.rows ?? []) rows.set(row._id, row);
    order = [...rows.keys()];
    newestShown = first?.rows[0]?.lastActivityAt ?? 0;
  };

  /** Return the rows that left the view between two values of a page, but not those that newer rows pushed off the page. */
  const goneFrom = (/** @type {Page} */ page, /** @type {Page | null} */ before) => {
    const now = new Set(page.rows.map(({ _id }) => _id));
    const last = page.next ? page.rows.at(-1)?.lastActivityAt : undefined;
    const gone = /** @type {Set<string>} */ (new Set());
    for (const { _id, lastActivityAt } of before?.rows ?? []) {
      const wasPushedOut = last !== undefined && lastActivityAt <= last;
      if (!now.has(_id) && !wasPushedOut) gone.add(_id);
    }
    if (gone.size) onGone(gone);
    return gone;
  };

  /** @param {Page} page @param {Set<string>} gone */
  const keepOrder = (page, gone) => {
    for (const row of page.rows) if (rows.has(row._id)) rows.set(row._id, row);
    if (gone.size) order = order.filter((id) => !gone.has(id));
    for (const id of gone) rows.delete(id);
  };

  /** @param {Page} page */
  const onFirst = (page) => {
    const gone = goneFrom(page, first);
    first = page;
    error = "";
    if (isFrozen) {
      keepOrder(page, gone);
      fresh = page.rows.filter(({ lastActivityAt }) => lastActivityAt > newestShown).length;
    } else toTop();
    onChange();
  };

  /** @param {Further} entry @param {Page} page */
  const onFurther = (entry, page) => {
    keepOrder(page, goneFrom(page, entry.page));
    for (const row of entry.page ? [] : page.rows) {
      if (rows.has(row._id)) continue;
      rows.set(row._id, row);
      order.push(row._id);
      placeOf.set(row._id, further.indexOf(entry));
    }
    entry.page = page;
    onChange();
  };

  /** @param {Further} entry */
  const watch = (entry) => {
    const { after } = entry;
    entry.stop = client.watch("inbox:list", { ...query, limit: PAGE, after }, (page) => onFurther(entry, page));
  };

  return {
    /** Show a different view. @param {Record<string, any>} next the arguments of inbox:list */
    show(next) {
      stopFirst();
      query = next;
      first = null;
      toTop();
      onChange();
      stopFirst = client.watch("inbox:list", { ...query, limit: PAGE }, onFirst, (failure) => {
        error = reasonOf(failure);
        onChange();
      });
    },
    /** Freeze the order, or return to the live one if the reader is back at the top. @param {boolean} isAtTop */
    read(isAtTop) {
      if (isAtTop && isFrozen) {
        toTop();
        onChange();
      } else isFrozen = !isAtTop;
    },
    /** Watch the next page. Call it when the reader nears the end. */
    more() {
      const last = further.at(-1);
      const after = last ? last.page?.next : first?.next;
      if (!after) return;
      further.push({ after, page: null, stop: null });
      watch(further[further.length - 1]);
    },
    /** Watch the pages near the visible conversations and unsubscribe the others. @param {string[]} ids the visible ones */
    see(ids) {
      const places = ids.map((id) => placeOf.get(id) ?? -1);
      const [from, until] = [Math.min(...places) - 1, Math.max(...places) + 1];
      for (const [place, entry] of further.entries()) {
        const isNear = place >= from && place <= until;
        if (isNear && !entry.stop) watch(entry);
        else if (!isNear && entry.page) {
          entry.stop?.();
          entry.stop = null;
        }
      }
    },
    get order() {
      return order;
    },
    get fresh() {
      return fresh;
    },
    get error() {
      return error;
    },
    get isLoading() {
      return first === null && !error;
    },
    /** @param {string} id */
    row: (id) => rows.get(id),
  };
}
