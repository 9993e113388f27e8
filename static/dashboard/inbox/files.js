/** Store attached and unsent files in the browser until the server has them, so that a reload loses none. */

import { wellFormed } from "./dom.js";

const CACHE = "praxtalk.inbox";
const address = (/** @type {string} */ id) => `/app/inbox/on-its-way/${id}`;

const held = /** @type {Map<string, File>} */ (new Map());

/**
 * Store a file.
 * @param {string} id
 * @param {File} file
 * @returns {Promise<boolean>} whether it survives a reload. If the cache storage is full or missing (on a page without https),
 *   the file is kept in memory only
 */
export const keepFile = async (id, file) => {
  held.set(id, file);
  const headers = { "Content-Type": file.type, "X-Name": encodeURIComponent(wellFormed(file.name)) };
  try {
    await (await caches.open(CACHE)).put(address(id), new Response(file, { headers }));
    return true;
  } catch {
    return false;
  }
};

/** @param {string} id @returns {Promise<File | undefined>} */
export const keptFile = async (id) => {
  const file = held.get(id);
  if (file) return file;
  try {
    const found = await (await caches.open(CACHE)).match(address(id));
    if (!found) return undefined;
    const type = found.headers.get("Content-Type") ?? "";
    return new File([await found.blob()], decodeURIComponent(found.headers.get("X-Name") ?? ""), { type });
  } catch {
    return undefined;
  }
};

/** @param {string} id */
export const forgetFile = async (id) => {
  held.delete(id);
  try {
    await (await caches.open(CACHE)).delete(address(id));
  } catch {
    // there is no cache storage: the file was in memory only
  }
};
