/**
 * Fetches extras.js: by `import`, which inherits the tag's nonce, from the one address that a page's policy names (its path
 * counts there, its query does not).
 *
 * @typedef {import("./attachments.js").Attachments} Attachments
 */

const PAUSE = 30_000;

/**
 * @param {string} origin
 * @param {() => Parameters<typeof import("./attachments.js").createAttachments>[0]} given
 */
export function openExtras(origin, given) {
  /** @type {Promise<typeof import("./extras.js")> | undefined} */
  let extras;
  /** @type {Attachments} */
  let attachments;
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
    /** @returns {Promise<Attachments>} rejects while they cannot be had */
    files: () => load().then((made) => (attachments ??= made.createAttachments(given()))),
  };
}

export const ignore = () => {};
