/**
 * Create a function that runs work under a Web Lock, in only one tab at a time.
 *
 * Pages without https, sandboxed frames and browsers that deny storage have no Web Locks. There, work is serialised within this
 * tab only. Tabs may then send the same message twice; the server recognises its clientId.
 *
 * @param {string} name
 */
export function createLock(name) {
  /** @type {Promise<any>} */
  let last = Promise.resolve();

  /** @param {() => Promise<boolean>} work @returns {Promise<boolean>} rejects when the user leaves the page */
  return async (work) => {
    const left = new AbortController();
    const { signal } = left;
    /** @type {Promise<never>} */
    const gone = new Promise((_, reject) => {
      signal.onabort = reject;
    });
    gone.catch(() => {}); // otherwise its rejection may be unhandled
    let isBegun = false;
    const leave = () => left.abort();
    addEventListener("pagehide", leave); // the back/forward cache does not keep a page that waits for a lock or holds one
    try {
      return await navigator.locks.request(name, { signal }, () => {
        isBegun = true;
        return Promise.race([work(), gone]);
      });
    } catch (error) {
      if (isBegun || signal.aborted) throw error;
    } finally {
      removeEventListener("pagehide", leave);
    }
    last = last.then(work, work);
    return last;
  };
}
