/**
 * The rows of one view of the inbox, in pages that are each watched live.
 *
 * 1. The first page is always watched. While the reader is at the top, the list shows its rows in its order.
 * 2. When the reader has scrolled down, the order is frozen, so that rows do not move under the pointer. Rows are updated in
 *    place, rows that left the view are removed, and new ones are counted as fresh.
 * 3. Near the end, the next page is watched, after the cursor of the last one. Pages far from the visible rows are unsubscribed,
 *    and watched again when they come near.
 *    In the order "longest waiting", fresh rows are those with newer activity, wherever they are.
 * 4. When the reader returns to the top (or clicks "3 new"), all pages but the first are dropped, and step 1 applies again.
 *
 * @typedef {{after: string, page: ListPage | null, stop: (() => void) | null}} WatchedPage after: the cursor
 */

import { reasonOf } from "./dom.js";

/** @import { Client, ListPage, ListQuery, Row } from "./types.d.ts" */

const PAGE_SIZE = 100;

/**
 * Return whether a row comes after another one, or at the same place.
 * @param {Row} row @param {Row} last @param {ListQuery} query
 */
const isAtOrAfter = (row, last, { order }) => {
  if (order !== "longestWaiting" || (!row.waitingSince && !last.waitingSince))
    return row.lastActivityAt <= last.lastActivityAt;
  return !row.waitingSince || (last.waitingSince !== null && row.waitingSince >= last.waitingSince);
};

/**
 * @param {object} options
 * @param {Client} options.client
 * @param {() => void} options.onChange called when the order, a row or the number of fresh rows changes
 * @param {(ids: Set<string>) => void} options.onRemove called with the rows that have left the view
 */
export function createPagedList({ client, onChange, onRemove }) {
  const rows = /** @type {Map<string, Row>} */ (new Map());
  let order = /** @type {string[]} */ ([]);
  let firstPage = /** @type {ListPage | null} */ (null);
  let morePages = /** @type {WatchedPage[]} */ ([]);
  const pageIndex = /** @type {Map<string, number>} */ (new Map()); // index in `morePages`, by conversation id
  let stopFirstPage = () => {};
  let query = /** @type {ListQuery} */ ({});
  let newestShown = 0;
  let fresh = 0;
  let isFrozen = false;
  let error = "";

  const dropMorePages = () => {
    for (const { stop } of morePages) stop?.();
    morePages = [];
    pageIndex.clear();
  };

  const toTop = () => {
    dropMorePages();
    isFrozen = false;
    fresh = 0;
    rows.clear();
    for (const row of firstPage?.rows ?? []) rows.set(row._id, row);
    order = [...rows.keys()];
    newestShown = Math.max(0, ...(firstPage?.rows ?? []).map(({ lastActivityAt }) => lastActivityAt));
  };

  /** Return the rows that left the view between two values of a page, but not those that newer rows pushed off the page. */
  const removedFrom = (/** @type {ListPage} */ page, /** @type {ListPage | null} */ before) => {
    const current = new Set(page.rows.map(({ _id }) => _id));
    const last = page.next ? page.rows.at(-1) : undefined;
    const removed = /** @type {Set<string>} */ (new Set());
    for (const row of before?.rows ?? []) {
      const wasPushedOut = last !== undefined && isAtOrAfter(row, last, query);
      if (!current.has(row._id) && !wasPushedOut) removed.add(row._id);
    }
    if (removed.size) onRemove(removed);
    return removed;
  };

  /** Update and remove rows in place. @param {ListPage} page @param {Set<string>} removed */
  const updateInPlace = (page, removed) => {
    for (const row of page.rows) if (rows.has(row._id)) rows.set(row._id, row);
    if (removed.size) order = order.filter((id) => !removed.has(id));
    for (const id of removed) rows.delete(id);
  };

  /** @param {ListPage} page */
  const onFirstPage = (page) => {
    const removed = removedFrom(page, firstPage);
    firstPage = page;
    error = "";
    if (isFrozen) {
      updateInPlace(page, removed);
      fresh = page.rows.filter(({ lastActivityAt }) => lastActivityAt > newestShown).length;
    } else toTop();
    onChange();
  };

  /** @param {WatchedPage} entry @param {ListPage} page */
  const onPage = (entry, page) => {
    updateInPlace(page, removedFrom(page, entry.page));
    for (const row of entry.page ? [] : page.rows) {
      if (rows.has(row._id)) continue;
      rows.set(row._id, row);
      order.push(row._id);
      pageIndex.set(row._id, morePages.indexOf(entry));
    }
    entry.page = page;
    onChange();
  };

  /** @param {WatchedPage} entry */
  const watch = (entry) => {
    const { after } = entry;
    entry.stop = client.watch("inbox:list", { ...query, limit: PAGE_SIZE, after }, (page) => onPage(entry, page));
  };

  return {
    /** Show a different view. @param {ListQuery} next */
    show(next) {
      stopFirstPage();
      query = next;
      firstPage = null;
      toTop();
      onChange();
      stopFirstPage = client.watch("inbox:list", { ...query, limit: PAGE_SIZE }, onFirstPage, (failure) => {
        error = reasonOf(failure);
        onChange();
      });
    },
    /** Freeze the order, or return to the live one if the reader is back at the top. @param {boolean} isAtTop */
    onScroll(isAtTop) {
      if (isAtTop && isFrozen) {
        toTop();
        onChange();
      } else isFrozen = !isAtTop;
    },
    /** Watch the next page. Call it when the reader nears the end. */
    loadMore() {
      const last = morePages.at(-1);
      const after = last ? last.page?.next : firstPage?.next;
      if (!after) return;
      const entry = /** @type {WatchedPage} */ ({ after, page: null, stop: null });
      morePages.push(entry);
      watch(entry);
    },
    /** Watch the pages near the visible conversations and unsubscribe the others. @param {string[]} ids the visible ones */
    showRows(ids) {
      const indexes = ids.map((id) => pageIndex.get(id) ?? -1);
      const [from, until] = [Math.min(...indexes) - 1, Math.max(...indexes) + 1];
      for (const [index, entry] of morePages.entries()) {
        const isNear = index >= from && index <= until;
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
      return firstPage === null && !error;
    },
    /** @param {string} id */
    row: (id) => rows.get(id),
  };
}
