/** The files of a reply draft: checked when they are added, shown as chips, sent with the reply. */

import { newId } from "../../live/client.js";
import { fill, h, isolated, wellFormed } from "./dom.js";
import { deleteFile, storeFile } from "./files.js";
import { MAX_FILE_BYTES } from "./urls.js";

/** @import { StoredFile } from "./outbox.js" */

const ACCEPTED = "Images (PNG, JPEG, GIF, WebP) and PDF files are accepted";
// The server checks for the same signatures. It decides by the content, not by the name.
const HEAD = 1024;
const SIGNATURES = [/^\x89PNG/, /^\xff\xd8\xff/, /^GIF8/, /^RIFF.{4}WEBP/s, /%PDF-/];

/** @param {{onChange: () => void}} options onChange: called after files were added or removed */
export function createAttachments({ onChange }) {
  let stored = /** @type {StoredFile[]} */ ([]); // stored with the draft, which all tabs share
  let inMemory = /** @type {StoredFile[]} */ ([]); // could not be stored: a reload loses them
  const list = h("ul", { class: "attached", "aria-label": "Attached files" });
  const warning = h(
    "p",
    { class: "quiet" },
    "This browser cannot store the files. They are lost if you reload the page.",
  );
  const rejections = h("div", { role: "alert" });
  const element = h("div", {}, list, warning, rejections);

  const draw = () => {
    const chips = [...stored, ...inMemory].map((file) =>
      h(
        "li",
        {},
        h("bdi", {}, file.name),
        h("button", { type: "button", "aria-label": `Remove ${file.name}`, click: () => remove(file) }, "×"),
      ),
    );
    fill(list, chips);
    list.hidden = !chips.length;
    warning.hidden = !inMemory.length;
  };

  /** @param {StoredFile} file */
  const remove = (file) => {
    stored = stored.filter(({ id }) => id !== file.id);
    inMemory = inMemory.filter(({ id }) => id !== file.id);
    deleteFile(file.id);
    draw();
    onChange();
  };

  draw();
  return {
    element,
    /** The files that are stored with the draft. */
    get stored() {
      return stored;
    },
    get all() {
      return [...stored, ...inMemory];
    },
    /** Check and attach files. Show the reason for each one that cannot be sent. @param {File[]} files */
    async add(files) {
      const reasons = /** @type {HTMLElement[]} */ ([]);
      for (const file of files) {
        const reason = await reasonAgainst(file);
        const entry = { id: newId(), name: wellFormed(file.name) };
        if (reason) reasons.push(h("p", { class: "refused" }, isolated(file.name), ` was not attached: ${reason}`));
        else if (await storeFile(entry.id, file)) stored = [...stored, entry];
        else inMemory.push(entry);
      }
      rejections.replaceChildren(...reasons);
      draw();
      onChange();
    },
    /** Show the files of the stored draft. @param {StoredFile[]} files */
    show(files) {
      stored = files;
      draw();
    },
    /** Attach files of a cancelled message again. @param {StoredFile[]} files */
    restore(files) {
      stored = [...stored, ...files];
      draw();
    },
    /** Empty the list after the files were sent. */
    clear() {
      stored = [];
      inMemory = [];
      rejections.replaceChildren();
      draw();
    },
  };
}

/** Return why a file cannot be sent, as a sentence; "" if it can be. @param {File} file */
const reasonAgainst = async (file) => {
  const limit = `up to ${Math.floor(MAX_FILE_BYTES / 2 ** 20)} MB`;
  if (!file.size) return `it is empty. ${ACCEPTED}, ${limit}.`;
  if (file.size > MAX_FILE_BYTES) return `it has ${megabytes(file.size)} MB. Files of ${limit} are accepted.`;
  try {
    const head = String.fromCharCode(...new Uint8Array(await file.slice(0, HEAD).arrayBuffer()));
    return SIGNATURES.some((signature) => signature.test(head)) ? "" : `${ACCEPTED}, ${limit}.`;
  } catch {
    return "the browser cannot read it."; // a folder, or a deleted file
  }
};

/** @param {number} bytes */
const megabytes = (bytes) => (Math.ceil((bytes / 2 ** 20) * 10) / 10).toLocaleString();
