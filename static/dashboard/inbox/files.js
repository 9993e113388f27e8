/** Store attached and unsent files in the browser until the server has them, so that a reload loses none. */

import { wellFormed } from "./dom.js";

const CACHE = "praxtalk.inbox";
const urlOf = (/** @type {string} */ id) => `/app/inbox/on-its-way/${id}`; // a key of the cache; no request is made

const inMemory = /** @type {Map<string, File>} */ (new Map()); // of this page, by id

/**
 * Store a file.
 * @param {string} id
 * @param {File} file
 * @returns {Promise<boolean>} whether it survives a reload. If the cache storage is full or missing (on a page without https),
 *   the file is kept in memory only
 */
export const storeFile = async (id, file) => {
  inMemory.set(id, file);
  const headers = { "Content-Type": file.type, "X-Name": encodeURIComponent(wellFormed(file.name)) };
  try {
    await (await caches.open(CACHE)).put(urlOf(id), new Response(file, { headers }));
    return true;
  } catch {
    return false;
  }
};

/** Return a stored file. @param {string} id @returns {Promise<File | undefined>} */
export const loadFile = async (id) => {
  const file = inMemory.get(id);
  if (file) return file;
  try {
    const found = await (await caches.open(CACHE)).match(urlOf(id));
    if (!found) return undefined;
    const type = found.headers.get("Content-Type") ?? "";
    return new File([await found.blob()], decodeURIComponent(found.headers.get("X-Name") ?? ""), { type });
  } catch {
    return undefined;
  }
};

/** Delete a stored file. @param {string} id */
export const deleteFile = async (id) => {
  inMemory.delete(id);
  try {
    await (await caches.open(CACHE)).delete(urlOf(id));
  } catch {
    // there is no cache storage: the file was in memory only
  }
};
