/** The visitor's pane: their details, their leads and their other conversations. */

import { ago, date, fill, h, statusWord } from "./dom.js";
import { addresses } from "./http.js";

/**
 * @param {any} pane
 * @param {any} app
 * @param {import("./dom.js").Row} row the open conversation
 */
export function createVisitorPane(pane, app, row) {
  let visitor = /** @type {any} */ (null);
  let leads = /** @type {any[]} */ ([]);
  let timer = 0;

  const draw = () => {
    if (!visitor) return;
    const here = visitor.timeZone && localTime(visitor.timeZone);
    const facts = [
      ["E-mail", visitor.email && h("a", { href: `mailto:${visitor.email}` }, visitor.email)],
      ["Phone", visitor.phone],
      ["Local time", here],
      ["Language", visitor.locale],
      ["Page", visitor.page && address(visitor.page)],
      ["Came from", visitor.referrer && address(visitor.referrer)],
      ["Browser", visitor.browser],
      ["Id on the site", visitor.externalId],
      ["First seen", date(visitor.createdAt)],
    ];
    const others = visitor.conversations.filter((/** @type {any} */ talk) => talk._id !== row._id);
    const button = (/** @type {string} */ text, /** @type {() => void} */ onclick) =>
      h("button", { type: "button", class: "plain", onclick }, text);
    const parts = [
      h("button", { type: "button", class: "plain back", onclick: () => app.hideVisitor() }, "‹ Conversation"),
      h("h2", {}, visitor.name),
      visitor.blocked && h("p", { class: "refused" }, "Blocked: their messages are not taken."),
      h(
        "dl",
        {},
        facts.filter(([, value]) => value).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]),
      ),
      h("h3", {}, "Leads"),
      leads.length
        ? h(
            "ul",
            {},
            leads.map((lead) =>
              h("li", {}, h("a", { href: addresses.lead(lead._id) }, lead.name), ` ${statusWord(lead.status)}`),
            ),
          )
        : h("p", { class: "quiet" }, "None."),
      button("Create lead", app.commands.lead),
      h("h3", {}, "Earlier conversations"),
      others.length
        ? h(
            "ul",
            {},
            others.map((/** @type {any} */ talk) =>
              h(
                "li",
                {},
                h("a", { href: addresses.conversation(talk._id), "data-open": talk._id }, talk.preview || "…"),
                ` ${statusWord(talk.status)}, ${ago(talk.lastMessageAt)}`,
              ),
            ),
          )
        : h("p", { class: "quiet" }, "None."),
      h("h3", {}, "More"),
      button("Send transcript to the visitor", () => app.commands.transcript("visitor")),
      button("Send transcript to me", () => app.commands.transcript("me")),
      button(visitor.blocked ? "Unblock the visitor" : "Block the visitor", () => app.commands.block(!visitor.blocked)),
    ];
    fill(pane, parts);
  };

  const stops = [
    app.client.watch(
      "visitors:get",
      { visitorId: row.visitor._id },
      (/** @type {any} */ value) => {
        visitor = value;
        draw();
      },
      () => pane.replaceChildren(),
    ),
    app.client.watch(
      "leads:list",
      { visitorId: row.visitor._id, limit: 20 },
      (/** @type {any[]} */ value) => {
        leads = value;
        draw();
      },
      () => {},
    ),
  ];
  timer = setInterval(draw, 60_000);

  return {
    get visitor() {
      return visitor;
    },
    close() {
      for (const stop of stops) stop();
      clearInterval(timer);
      pane.replaceChildren();
    },
  };
}

/** Return a link to a page, or plain text if the URL is not http or https. @param {string} url */
const address = (url) =>
  /^https?:\/\//.test(url)
    ? h("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, url.replace(/^https?:\/\//, ""))
    : url;

/** @param {string} timeZone */
const localTime = (timeZone) => {
  try {
    return `${new Intl.DateTimeFormat(undefined, { timeZone, hour: "2-digit", minute: "2-digit", weekday: "short" }).format()} (${timeZone})`;
  } catch {
    return timeZone;
  }
};
