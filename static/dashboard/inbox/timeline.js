/** Create the elements of a thread: messages, notes, activities and unsent messages. */

import { wordsOf } from "./activity.js";
import { clock, h } from "./dom.js";
import { addresses } from "./http.js";

/**
 * @typedef {import("./outbox.js").Sent} Sent
 * @typedef {{_id: string, name: string, contentType: string, width: number | null, height: number | null}} Attachment
 * @typedef {{type: "message" | "note" | "activity", _id: string, position: number, createdAt: number, body: string, role: string,
 *   sender: string | null, attachments: Attachment[], kind: string, actor: string, details: any}} Entry
 */

/** @param {Entry} entry @param {string} visitor the visitor's name */
export const createEntry = (entry, visitor) => {
  const { type, role, sender, body, attachments = [] } = entry;
  const time = h("time", {}, clock(entry.createdAt));
  if (type === "activity") return h("p", { class: "activity" }, wordsOf(entry), " ", time);
  const head = h(
    "p",
    { class: "who" },
    h("bdi", {}, h("strong", {}, sender ?? visitor)),
    type === "note" && " noted",
    " ",
    time,
  );
  const isFileOnly = attachments.length === 1 && body === attachments[0].name;
  const text = !isFileOnly && h("p", { class: "body", dir: "auto" }, body);
  return h("article", { class: `entry ${type === "note" ? "note" : role}` }, head, text, attachments.map(fileElement));
};

/** @param {Attachment} file */
const fileElement = ({ _id, name, contentType, width, height }) => {
  const href = addresses.file(_id);
  const isImage = contentType.startsWith("image/");
  const shown = isImage ? h("img", { src: href, alt: name, width, height, loading: "lazy" }) : name;
  return h("p", { class: "file" }, h("a", { href, download: name }, shown));
};

const STATES = {
  sending: "Sending …",
  waiting: "Waiting for the connection …",
  held: "Waits for the message above.",
};

/**
 * @param {Sent} sent
 * @param {keyof typeof STATES} state
 * @param {Record<"again" | "edit" | "remove", (sent: Sent) => void>} does
 */
export const createUnsentEntry = (sent, state, does) => {
  const { refused, kind, body, tries } = sent;
  const button = (/** @type {string} */ text, /** @type {(sent: Sent) => void} */ act) =>
    h("button", { type: "button", class: "plain", onclick: () => act(sent) }, text);
  const buttons = [
    button(refused?.code === "CONFLICT" ? "Send anyway" : "Try again", does.again),
    kind !== "file" && button("Edit", does.edit),
    button("Remove", does.remove),
  ];
  const words = state === "sending" && tries ? "No answer yet. Trying again …" : STATES[state];
  const notice = refused
    ? h("p", { class: "refused", role: "alert" }, `Not sent: ${refused.message} `, buttons)
    : h("p", { class: "quiet" }, words);
  return h(
    "article",
    { class: `entry unsent ${kind === "note" ? "note" : "operator"}`, "data-id": sent.id },
    h("p", { class: "body", dir: "auto" }, body),
    notice,
  );
};
