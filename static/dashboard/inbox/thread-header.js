/** The header of a conversation: the visitor, the status, and the buttons of the commands. */

import { FACES } from "./activity.js";
import { date, fill, h, setText, statusWord } from "./dom.js";

/** @param {any} app the object of main.js; this uses its commands, close and createVisitorPane */
export function createThreadHeader(app) {
  const name = h("h2", { tabindex: "-1" });
  const status = h("span", { class: "status" });
  const tools = h("div", { class: "tools" });
  const back = h("button", { type: "button", class: "plain back", onclick: () => app.close() }, "‹ All");
  const details = h(
    "button",
    { type: "button", class: "plain details", onclick: () => app.createVisitorPane() },
    "Details",
  );

  return {
    elements: [h("header", {}, back, h("div", { class: "title" }, name, status), details), tools],
    focus: () => name.focus(),
    /** @param {import("./dom.js").Row & {brand: {name: string}}} row */
    draw(row) {
      setText(name, row.visitor.name);
      const wakes = row.snoozedUntil ? ` until ${date(row.snoozedUntil)}` : "";
      const words = [
        row.brand.name,
        statusWord(row.status) + wakes,
        row.assignee ? `Assigned to ${row.assignee.name}` : "Unassigned",
      ];
      if (row.rating) words.push(`Rated ${FACES[row.rating]} ${row.rating} of 5`);
      setText(status, words.concat(row.tags.map((tag) => `#${tag.name}`)).join(" · "));
      fill(tools, app.commands.tools(row));
    },
  };
}
