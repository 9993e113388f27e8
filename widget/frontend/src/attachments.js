import { element } from "../../../static/shared/dom.js";
import { icon } from "./icons.js";
import { newId } from "./ids.js";

/**
 * Files: choosing, uploading and displaying them. This is part of lazy.js, which is fetched when a chat is first opened, so
 * that other visitors do not download it.
 *
 * 1. A file is stored in the browser's cache storage before it is sent, so that it survives a reload. Its key is the clientId
 *    of its outbox entry. Where there is no such storage (pages without https), the file is kept in memory.
 * 2. Images are drawn on a canvas, because no Content-Security-Policy forbids that, and nothing in a file is run or parsed as
 *    markup.
 * 3. A file of the thread is fetched with the visitor's token in a header. Its URL gives nobody else access.
 *
 * @typedef {import("./api.js").Attachment} Attachment
 * @typedef {import("./outbox.js").Entry} Entry
 */

const TYPES = ["image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf"];
const MAX_BYTES = 10 * 2 ** 20;
const TIMEOUT = 300_000;
const MAX_WIDTH = 260;
const MAX_HEIGHT = 320;
const PAPERCLIP = "M20 11l-8.5 8.5a5 5 0 0 1-7-7L13 4a3.3 3.3 0 0 1 4.7 4.7L9.5 17a1.6 1.6 0 0 1-2.3-2.3L15 7";

/** @param {import("./lazy.js").Options} options */
export function createAttachments({ widgetId, call, token, t, locale, chat, composer, add }) {
  /** The loaded files, by attachment id or clientId. @type {Map<string, Blob>} */
  const blobs = new Map();

  const input = element("input", { type: "file", accept: TYPES.join(), hidden: true, change: chosen });
  const button = element(
    "button",
    { class: "attach", "aria-label": t("attach"), click: () => input.click() },
    icon(PAPERCLIP),
  );
  const rejection = element("p", { class: "refused", role: "alert", hidden: true });
  composer.prepend(input, button);
  composer.before(rejection);
  composer.addEventListener("paste", (event) => takeFrom(event, /** @type {ClipboardEvent} */ (event).clipboardData));
  for (const type of ["dragover", "dragleave", "drop"])
    chat.addEventListener(type, (event) => drag(/** @type {DragEvent} */ (event)));

  function chosen() {
    const [file] = input.files ?? [];
    input.value = "";
    if (file) take(file);
  }

  /** @param {DragEvent} event */
  function drag(event) {
    if (event.type === "dragover") event.preventDefault(); // allows dropping here
    chat.classList.toggle("over", event.type === "dragover");
    if (event.type === "drop") takeFrom(event, event.dataTransfer);
  }

  /** @param {Event} event @param {DataTransfer | null} data */
  function takeFrom(event, data) {
    if (!data?.files.length) return;
    event.preventDefault();
    for (const file of data.files) take(file);
  }

  /** @param {File} file */
  async function take(file) {
    const isWrong = file.type && !TYPES.includes(file.type); // some systems report no type; the server checks the content anyway
    rejection.hidden = !isWrong && file.size <= MAX_BYTES;
    rejection.textContent = rejection.hidden ? "" : t(isWrong ? "fileType" : "fileTooLarge");
    if (!rejection.hidden) return;
    const clientId = newId();
    blobs.set(clientId, file);
    const { width = null, height = null } = (await bitmapOf(file)) ?? {};
    await storeBlob(clientId, file);
    const { name, type: contentType, size } = file;
    add(name, { clientId, file: { name, contentType, size, width, height } });
  }

  /** @param {Attachment} file @param {string} key */
  const blobOf = async ({ _id }, key) => {
    const known = blobs.get(key) ?? (_id ? blobs.get(_id) : await loadBlob(key));
    if (known || !_id) return known;
    const query = new URLSearchParams({ widgetId });
    const blob = await call(`attachments/${_id}?${query}`, { token: token(), patience: TIMEOUT, isFile: true });
    blobs.set(_id, blob);
    return blob;
  };

  /** @param {Attachment} file @param {string} key */
  const download = async (file, key) => {
    const blob = await blobOf(file, key).catch(() => undefined);
    if (!blob) return;
    const href = URL.createObjectURL(blob);
    element("a", { href, download: file.name }).click();
    setTimeout(() => URL.revokeObjectURL(href), 60_000);
  };

  return {
    /**
     * Replace the element with a button that downloads the file. The button shows the image, or the name of any other file.
     *
     * @param {HTMLElement} place @param {Attachment} file @param {string} key the message's key in the list
     */
    show(place, file, key) {
      const { name, size, width, height } = file;
      const label = `${name} · ${sizeOf(size, locale)}`;
      const box = element("button", { class: "file", "aria-label": label, click: () => download(file, key) });
      place.replaceWith(box);
      if (!width || !height) return box.append(element("span", {}, label));
      const canvas = element("canvas");
      fit(canvas, width, height);
      box.append(canvas);
      blobOf(file, key)
        .then(bitmapOf)
        .then((bitmap) => bitmap && paint(canvas, bitmap))
        .catch(() => box.append(element("span", {}, label)));
    },

    /** @param {Entry} entry @param {string} token @returns {Promise<any>} rejects with a Rejection */
    async send({ clientId, file }, token) {
      const blob = blobs.get(clientId) ?? (await loadBlob(clientId));
      if (!blob) throw { status: 410, code: "gone" };
      const form = new FormData();
      for (const [name, value] of Object.entries({ widgetId, clientId })) form.append(name, value);
      form.append("file", blob, file?.name);
      const accepted = await call("messages", { token, form, patience: TIMEOUT });
      deleteBlob(clientId);
      return accepted;
    },

    /** Delete the stored file of an entry that was removed. @param {string} clientId */
    discard(clientId) {
      blobs.delete(clientId);
      deleteBlob(clientId);
    },
  };
}

const CACHE = "praxtalk";

/** @param {string} clientId */
const addressOf = (clientId) => `/praxtalk-${clientId}`;

/** @param {string} clientId @param {Blob} blob */
const storeBlob = async (clientId, blob) => {
  try {
    await (await caches.open(CACHE)).put(addressOf(clientId), new Response(blob));
  } catch {
    // The storage is blocked or full, or the page has no https: the file lasts as long as the page.
  }
};

/** @param {string} clientId @returns {Promise<Blob | undefined>} */
const loadBlob = async (clientId) => {
  try {
    return (await (await caches.open(CACHE)).match(addressOf(clientId)))?.blob();
  } catch {
    return undefined;
  }
};

/** @param {string} clientId */
const deleteBlob = async (clientId) => {
  try {
    await (await caches.open(CACHE)).delete(addressOf(clientId));
  } catch {
    // The file was not stored. In a sandboxed frame, access to `caches` throws.
  }
};

/** @param {number} size in bytes @param {string} locale */
const sizeOf = (size, locale) => {
  const [unit, step] = size < 1e6 ? ["kilobyte", 1e3] : ["megabyte", 1e6];
  return new Intl.NumberFormat(locale, { style: "unit", unit, maximumFractionDigits: 1 }).format(size / step);
};

/** @param {HTMLCanvasElement} canvas @param {number} width @param {number} height of the image, in its pixels */
const fit = (canvas, width, height) => {
  const scale = Math.min(1, MAX_WIDTH / width, MAX_HEIGHT / height);
  const sharp = Math.min(scale * devicePixelRatio, 1);
  canvas.width = Math.ceil(width * sharp);
  canvas.height = Math.ceil(height * sharp);
  canvas.style.width = `${Math.ceil(width * scale)}px`;
};

/** @param {HTMLCanvasElement} canvas @param {ImageBitmap} bitmap */
const paint = (canvas, bitmap) => {
  fit(canvas, bitmap.width, bitmap.height);
  canvas.getContext("2d")?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
};

/** @param {Blob} [blob] @returns {Promise<ImageBitmap | undefined>} undefined if it is not an image */
const bitmapOf = async (blob) => {
  try {
    return blob && (await createImageBitmap(blob));
  } catch {
    return undefined;
  }
};
