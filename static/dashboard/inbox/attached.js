/** The files of a reply draft: checked when they are added, shown as chips, sent with the reply. */

import { fill, h, wellFormed } from "./dom.js";
import { forgetFile, keepFile } from "./files.js";
import { mostBytes } from "./http.js";
import { newId } from "./outbox.js";

/** @typedef {import("./outbox.js").KeptFile} KeptFile */

const ACCEPTED = "Images (PNG, JPEG, GIF, WebP) and PDF files are accepted";
// The server checks for the same signatures. It decides by the content, not by the name.
const HEAD = 1024;
const SIGNATURES = [/^\x89PNG/, /^\xff\xd8\xff/, /^GIF8/, /^RIFF.{4}WEBP/s, /%PDF-/];

/** @param {() => void} onChange */
export function createAttachments(onChange) {
  let kept = /** @type {KeptFile[]} */ ([]); // stored with the draft, which all tabs share
  let ofThisPage = /** @type {KeptFile[]} */ ([]); // could not be stored: a reload loses them
  const list = h("ul", { class: "attached", "aria-label": "Attached files" });
  const warning = h("p", { class: "quiet" }, "This browser cannot keep the files: reloading the page loses them.");
  const refusals = h("div", { role: "alert" });
  const element = h("div", {}, list, warning, refusals);

  const draw = () => {
    const chips = [...kept, ...ofThisPage].map((file) =>
      h(
        "li",
        {},
        h("bdi", {}, file.name),
        h("button", { type: "button", "aria-label": `Remove ${file.name}`, onclick: () => remove(file) }, "×"),
      ),
    );
    fill(list, chips);
    list.hidden = !chips.length;
    warning.hidden = !ofThisPage.length;
  };

  /** @param {KeptFile} file */
  const remove = (file) => {
    kept = kept.filter(({ id }) => id !== file.id);
    ofThisPage = ofThisPage.filter(({ id }) => id !== file.id);
    forgetFile(file.id);
    draw();
    onChange();
  };

  draw();
  return {
    element,
    /** The files that are stored with the draft. */
    get kept() {
      return kept;
    },
    get all() {
      return [...kept, ...ofThisPage];
    },
    /** Check and attach files. Show the reason for each one that cannot be sent. @param {File[]} files */
    async add(files) {
      const refused = /** @type {string[]} */ ([]);
      for (const file of files) {
        const reason = await reasonAgainst(file);
        const entry = { id: newId(), name: wellFormed(file.name) };
        if (reason) refused.push(`${file.name} was not attached: ${reason}`);
        else if (await keepFile(entry.id, file)) kept = [...kept, entry];
        else ofThisPage.push(entry);
      }
      refusals.replaceChildren(...refused.map((sentence) => h("p", { class: "refused" }, sentence)));
      draw();
      onChange();
    },
    /** Show the files of the stored draft. @param {KeptFile[]} files */
    show(files) {
      kept = files;
      draw();
    },
    /** Attach files of a withdrawn message again. @param {KeptFile[]} files */
    putBack(files) {
      kept = [...kept, ...files];
      draw();
    },
    /** Empty the list after the files were sent. */
    clear() {
      kept = [];
      ofThisPage = [];
      refusals.replaceChildren();
      draw();
    },
  };
}

/** Return why a file cannot be sent, as a sentence; "" if it can be. @param {File} file */
const reasonAgainst = async (file) => {
  const limit = `up to ${Math.floor(mostBytes / 2 ** 20)} MB`;
  if (!file.size) return `it is empty. ${ACCEPTED}, ${limit}.`;
  if (file.size > mostBytes) return `it has ${megabytes(file.size)} MB. Files of ${limit} are accepted.`;
  try {
    const head = String.fromCharCode(...new Uint8Array(await file.slice(0, HEAD).arrayBuffer()));
    return SIGNATURES.some((signature) => signature.test(head)) ? "" : `${ACCEPTED}, ${limit}.`;
  } catch {
    return "the browser cannot read it."; // a folder, or a deleted file
  }
};

/** @param {number} bytes */
const megabytes = (bytes) => (Math.ceil((bytes / 2 ** 20) * 10) / 10).toLocaleString();
