/**
 * One tab at a time. Web Locks are missing on pages without https and in old browsers: there a stamp in the shared
 * storage stands in, which may let two through at the same moment, and the server's memory of clientIds sorts it out.
 */

const STAMP_LIFE = 25_000;
const STAMP_PAUSE = 1000;

/** @param {string} name @param {import("./storage.js").Store} store @param {string} tabId */
export function createLock(name, store, tabId) {
  /** A page that waits for a lock or holds one is kept out of the back/forward cache. */
  let left = new AbortController();
  addEventListener("pagehide", () => {
    left.abort();
    left = new AbortController();
  });

  /** @param {() => Promise<boolean>} work @returns {Promise<boolean>} */
  const stamp = async (work) => {
    const [holder, until] = (store.read().sender ?? "").split(" ");
    if (holder !== tabId && Number(until) > Date.now())
      return new Promise((again) => setTimeout(again, STAMP_PAUSE, true));
    store.write({ sender: `${tabId} ${Date.now() + STAMP_LIFE}` });
    const goesOn = await work();
    store.write({ sender: undefined });
    return goesOn;
  };

  /** @param {() => Promise<boolean>} work @returns {Promise<boolean>} */
  return (work) => {
    const { signal } = left;
    if (!navigator.locks) return stamp(work);
    /** @type {Promise<boolean>} */
    const gone = new Promise((_, reject) => signal.addEventListener("abort", reject));
    gone.catch(() => {}); // nobody else may be waiting for it
    const held = navigator.locks.request(name, { signal }, () => Promise.race([work(), gone]));
    return /** @type {Promise<any>} */ (held);
  };
}
