/**
 * One tab at a time. Where Web Locks are missing (pages without https, old browsers), all tabs send what waits: each in its
 * order, and the server's memory of clientIds lets every message through once.
 *
 * @param {string} name
 */
export function createLock(name) {
  /** A page that waits for a lock or holds one is kept out of the back/forward cache. */
  let left = new AbortController();
  addEventListener("pagehide", () => left.abort());

  /** @param {() => Promise<boolean>} work @returns {Promise<boolean>} */
  return (work) => {
    if (!navigator.locks) return work();
    left = new AbortController();
    const { signal } = left;
    /** @type {Promise<boolean>} */
    const gone = new Promise((_, reject) => signal.addEventListener("abort", reject));
    gone.catch(() => {}); // nobody else may be waiting for it
    const held = navigator.locks.request(name, { signal }, () => Promise.race([work(), gone]));
    return /** @type {Promise<any>} */ (held);
  };
}
