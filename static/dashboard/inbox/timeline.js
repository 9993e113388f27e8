/** Create the elements of a thread: messages, notes, activities and unsent messages. */

import { markup, plainText } from "../../shared/markup/markup.js";
import { activityText } from "./activity.js";
import { clock, h, isolated } from "./dom.js";
import { urls } from "./urls.js";

/**
 * @import { Attachment, Entry } from "./types.d.ts"
 * @import { OutboxItem } from "./outbox.js"
 */

const GROUP_MS = 5 * 60_000;

/**
 * Return whether an entry continues the one before it: the same person, in the same way, within five minutes. Its head is hidden.
 * @param {Entry} entry @param {Entry | undefined} before
 */
export const continues = (entry, before) =>
  before !== undefined &&
  entry.type !== "activity" &&
  before.type === entry.type &&
  before.sender === entry.sender &&
  entry.createdAt - before.createdAt < GROUP_MS &&
  (entry.type !== "message" || (before.type === "message" && before.role === entry.role));

/** @param {Entry} entry @param {string} visitorName */
export const createEntry = (entry, visitorName) => {
  const time = h("time", {}, clock(entry.createdAt));
  if (entry.type === "activity") return h("p", { class: "activity" }, activityText(entry), " ", time);
  const { sender, body } = entry;
  const isNote = entry.type === "note";
  const attachments = isNote ? [] : entry.attachments;
  const head = h(
    "p",
    { class: "who" },
    h("bdi", {}, h("strong", {}, sender ?? visitorName)),
    isNote && " noted",
    " ",
    time,
  );
  const isFileOnly = attachments.length === 1 && body === attachments[0].name;
  const text = !isFileOnly && bodyElement(body, !isNote && entry.role === "visitor");
  return h("article", { class: `entry ${isNote ? "note" : entry.role}` }, head, text, attachments.map(fileElement));
};

/**
 * Show a text. Visitors write plain text, so that code is shown as they pasted it; everybody else writes Markdown.
 * @param {string} body @param {boolean} isPlain
 */
const bodyElement = (body, isPlain) =>
  h("div", { class: "body", dir: "auto" }, isPlain ? plainText(body) : markup(body));

/** @param {Attachment} file */
const fileElement = ({ _id, name, contentType, width, height }) => {
  const href = urls.file(_id);
  const isImage = contentType.startsWith("image/");
  const content = isImage ? h("img", { src: href, alt: name, width, height, loading: "lazy" }) : isolated(name);
  return h("p", { class: "file" }, h("a", { href, download: name }, content));
};

const STATES = {
  sending: "Sending …",
  offline: "Waiting for the connection …",
  blocked: "Waiting for the message above.",
};

/**
 * @param {OutboxItem} item
 * @param {keyof typeof STATES} state
 * @param {Record<"resend" | "edit" | "remove", (item: OutboxItem) => void>} actions
 */
export const createUnsentEntry = (item, state, actions) => {
  const { rejection, kind, body, tries } = item;
  const button = (/** @type {string} */ text, /** @type {(item: OutboxItem) => void} */ action) =>
    h("button", { type: "button", class: "button small", click: () => action(item) }, text);
  const buttons = [
    button(rejection?.code === "CONFLICT" ? "Send anyway" : "Try again", actions.resend),
    kind !== "file" && button("Edit", actions.edit),
    button("Remove", actions.remove),
  ];
  const status = state === "sending" && tries ? "No response yet. Retrying …" : STATES[state];
  const notice = rejection
    ? h("p", { class: "refused", role: "alert" }, "Not sent: ", isolated(rejection.message), " ", buttons)
    : h("p", { class: "quiet" }, status);
  return h(
    "article",
    { class: `entry unsent ${kind === "note" ? "note" : "operator"}`, "data-id": item.id },
    bodyElement(body, kind === "file"),
    notice,
  );
};
