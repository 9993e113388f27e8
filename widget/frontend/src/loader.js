/**
 * Fetches extras.js: by `import`, which inherits the tag's nonce, from the one address that a page's policy names (its path
 * counts there, its query does not).
 *
 * @typedef {import("./attachments.js").Attachments} Attachments
 */

/**
 * @param {string} origin
 * @param {() => Parameters<typeof import("./attachments.js").createAttachments>[0]} given
 */
export function openExtras(origin, given) {
  /** @type {Promise<typeof import("./extras.js")> | undefined} */
  let extras;
  /** @type {Attachments} */
  let attachments;
  const load = () => {
    extras ??= import(`${origin}/widget.js?part=${EXTRAS}`);
    extras.catch(() => {
      extras = undefined; // offline: asked for again
    });
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
