/**
 * Fetch extras.js with `import`, which inherits the nonce of the script tag. It has the same path as widget.js, because a page's
 * Content-Security-Policy may name only that URL. Policies compare the path and ignore the query.
 *
 * @typedef {import("./extras.js").Parts} Parts
 */

const PAUSE = 30_000;

/**
 * @param {string} origin
 * @param {() => import("./extras.js").Outside} given
 */
export function createLazyLoader(origin, given) {
  /** @type {Promise<typeof import("./extras.js")> | undefined} */
  let extras;
  /** @type {Parts} */
  let parts;
  let tries = 0;
  const load = () => {
    if (!extras) {
      extras = import(`${origin}/widget.js?part=${EXTRAS}${tries++ || ""}`); // Chromium caches failed imports, so vary the URL
      extras.catch(() => setTimeout(() => (extras = undefined), PAUSE));
    }
    return extras;
  };
  return {
    /** @param {string} id the message's id */
    ring: (id) => load().then((made) => made.ring(id), ignore),
    /** @returns {Promise<Parts>} rejects if the script cannot be loaded */
    parts: () => load().then((made) => (parts ??= made.start(given()))),
  };
}

export const ignore = () => {};
