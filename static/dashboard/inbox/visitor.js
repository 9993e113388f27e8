/** The visitor's pane: their details, their leads and their other conversations. */

import { plainText } from "../../shared/markup/markup.js";
import { previewOf } from "../../shared/markup/preview.js";
import { createFace } from "../face.js";
import { ago, date, fill, h, isolated, statusName } from "./dom.js";
import { MAY_ERASE, urls } from "./urls.js";

/**
 * @import { Commands } from "./commands.js"
 * @import { Client, Conversation, Lead, OpenConversation, Visitor } from "./types.d.ts"
 * @import { Child } from "./dom.js"
 * @typedef {ReturnType<typeof createVisitorPane>} VisitorPane
 */

const REDRAW_INTERVAL = 60_000; // updates the relative times

/**
 * @param {object} options
 * @param {HTMLElement} options.pane
 * @param {Client} options.client
 * @param {Commands} options.commands
 * @param {OpenConversation} options.conversation
 * @param {() => void} options.onHide
 */
export function createVisitorPane({ pane, client, commands, conversation, onHide }) {
  let visitor = /** @type {Visitor | null} */ (null);
  let leads = /** @type {Lead[]} */ ([]);
  const visitorId = conversation.visitor._id;

  const draw = () => {
    if (!visitor) return;
    const { name, blocked } = visitor;
    fill(
      pane,
      h("button", { type: "button", class: "button small back", click: onHide }, "‹ Conversation"),
      h("div", { class: "person" }, createFace(name, visitorId, 36), h("h2", {}, name)),
      blocked && h("p", { class: "refused" }, "Blocked: their messages are rejected."),
      detailsOf(visitor),
      h("p", {}, h("a", { href: urls.visitor(visitorId) }, "All details")),
      button("Edit details", commands.visitor),
      h("h3", {}, "Leads"),
      listOf(leads, leadElement),
      button("Create lead", commands.lead),
      h("h3", {}, "Earlier conversations"),
      listOf(
        visitor.conversations.filter(({ _id }) => _id !== conversation._id),
        conversationElement,
      ),
      h("h3", {}, "More"),
      button("Send transcript to the visitor", () => commands.transcript("visitor")),
      button("Send transcript to me", () => commands.transcript("me")),
      button(blocked ? "Unblock the visitor" : "Block the visitor", () => commands.block(!blocked)),
      MAY_ERASE && h("p", {}, h("a", { href: urls.eraseVisitor(visitorId, conversation._id) }, "Erase the visitor")),
    );
  };

  const stops = [
    client.watch(
      "visitors:get",
      { visitorId },
      (value) => {
        visitor = value;
        draw();
      },
      () => pane.replaceChildren(),
    ),
    client.watch(
      "leads:list",
      { visitorId, limit: 20 },
      (value) => {
        leads = value;
        draw();
      },
      () => {},
    ),
  ];
  const timer = setInterval(draw, REDRAW_INTERVAL);

  return {
    visitorId,
    close() {
      for (const stop of stops) stop();
      clearInterval(timer);
      pane.replaceChildren();
    },
  };
}

/** @param {string} text @param {() => void} click */
const button = (text, click) => h("button", { type: "button", class: "button small", click }, text);

/** @param {Visitor} visitor */
const detailsOf = (visitor) => {
  const { email, phone, timeZone, locale, page, referrer, browser, externalId, createdAt } = visitor;
  const details = /** @type {[string, Child][]} */ ([
    ["E-mail", email && h("a", { href: `mailto:${email}` }, email)],
    ["Phone", phone && plainText(phone)],
    ["Local time", timeZone && localTime(timeZone)],
    ["Language", locale],
    ["Page", page && linkTo(page)],
    ["Referrer", referrer && linkTo(referrer)],
    ["Browser", browser],
    ["ID on the site", externalId],
    ["First seen", date(createdAt)],
  ]);
  const known = details.filter(([, value]) => value);
  return h(
    "dl",
    {},
    known.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]),
  );
};

/** @template Item @param {Item[]} items @param {(item: Item) => HTMLElement} create */
const listOf = (items, create) => (items.length ? h("ul", {}, items.map(create)) : h("p", { class: "quiet" }, "None."));

/** @param {Lead} lead */
const leadElement = ({ _id, name, status }) =>
  h("li", {}, h("a", { href: urls.lead(_id) }, isolated(name)), ` ${statusName(status)}`);

/** @param {Conversation} conversation */
const conversationElement = ({ _id, preview, status, lastMessageAt }) =>
  h(
    "li",
    {},
    h("a", { href: urls.conversation(_id), "data-open": _id }, isolated(previewOf(preview) || "…")),
    ` ${statusName(status)}, ${ago(lastMessageAt)}`,
  );

/** Return a link to a page, or plain text if the URL is not http or https. @param {string} url */
const linkTo = (url) =>
  /^https?:\/\//.test(url)
    ? h("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, url.replace(/^https?:\/\//, ""))
    : url;

/** Return the time at the visitor. @param {string} timeZone */
const localTime = (timeZone) => {
  try {
    return `${new Intl.DateTimeFormat(undefined, { timeZone, hour: "2-digit", minute: "2-digit", weekday: "short" }).format()} (${timeZone})`;
  } catch {
    return timeZone; // this browser does not know the time zone
  }
};
