/** The URLs and limits that the page's template passes to the inbox. */

import { byId } from "./dom.js";

const { base = "", token = "", files = "", signIn = "", maxBytes, mayErase } = byId("inbox").dataset;

/** The size limit of a file, in bytes. */
export const MAX_FILE_BYTES = Number(maxBytes);

/** Whether the operator may erase visitors. */
export const MAY_ERASE = mayErase !== undefined;

export const urls = {
  base,
  token,
  files,
  signIn,
  /** @param {string} id a conversation's id */
  conversation: (id) => `${base}${id}/`,
  /** @param {string} id an attachment's id */
  file: (id) => `${files}${id}/`,
  /** @param {string} id a lead's id */
  lead: (id) => `${base.replace("inbox/", "leads/")}${id}/change/`,
  /** @param {string} id a visitor's id */
  visitor: (id) => `${base.replace("inbox/", "visitors/")}${id}/change/`,
  /** The page that asks to confirm the erasure. It leads back to the inbox. @param {string} id a visitor's id @param {string} conversationId */
  eraseVisitor: (id, conversationId) =>
    `${base.replace("inbox/", "visitors/")}${id}/erase/?conversation=${conversationId}`,
  /** The sign-in page, which leads back to the current page. */
  signInAgain: () => `${signIn}?next=${location.pathname}${encodeURIComponent(location.search)}`,
};
