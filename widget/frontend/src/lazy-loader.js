/**
 * Fetches extras.js: by `import`, which inherits the tag's nonce, from the one address that a page's policy names (its path
 * counts there, its query does not).
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
      extras = import(`${origin}/widget.js?part=${EXTRAS}${tries++ || ""}`); // Chromium keeps what has failed
      extras.catch(() => setTimeout(() => (extras = undefined), PAUSE));
    }
    return extras;
  };
  return {
    /** @param {string} id of the message */
    ring: (id) => load().then((made) => made.ring(id), ignore),
    /** @returns {Promise<Parts>} rejects while they cannot be had */
    parts: () => load().then((made) => (parts ??= made.start(given()))),
  };
}

export const ignore = () => {};
