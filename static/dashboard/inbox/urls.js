/** The URLs and limits that the page's template passes to the inbox. */

import { byId } from "./dom.js";

const { base = "", token = "", files = "", signIn = "", maxBytes } = byId("inbox").dataset;

/** The size limit of a file, in bytes. */
export const MAX_FILE_BYTES = Number(maxBytes);

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
  /** The sign-in page, which leads back to the current page. */
  signInAgain: () => `${signIn}?next=${location.pathname}${encodeURIComponent(location.search)}`,
};
