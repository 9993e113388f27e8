/**
 * Fetch lazy.js with `import`, which inherits the nonce of the script tag. It has the same path as widget.js, because a page's
 * Content-Security-Policy may name only that URL. Policies compare the path and ignore the query.
 *
 * @typedef {import("./lazy.js").Parts} Parts
 */

const PAUSE = 30_000;

/**
 * @param {string} origin
 * @param {() => import("./lazy.js").Options} given
 */
export function createLazyLoader(origin, given) {
  /** @type {Promise<typeof import("./lazy.js")> | undefined} */
  let script;
  /** @type {Parts} */
  let parts;
  let tries = 0;
  const load = () => {
    if (!script) {
      script = import(`${origin}/widget.js?part=${LAZY}${tries++ || ""}`); // Chromium caches failed imports, so vary the URL
      script.catch(() => setTimeout(() => (script = undefined), PAUSE));
    }
    return script;
  };
  return {
    /** @param {string} id the message's id */
    ring: (id) => load().then((made) => made.ring(id), ignore),
    /** @returns {Promise<Parts>} rejects if the script cannot be loaded */
    parts: () => load().then((made) => (parts ??= made.start(given()))),
  };
}

export const ignore = () => {};
