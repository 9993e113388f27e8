/** The header of a conversation: the visitor, the status, and the buttons of the commands. */

import { FACES } from "./activity.js";
import { date, fill, h, isolated, setText, statusName } from "./dom.js";

/**
 * @import { Commands } from "./commands.js"
 * @import { OpenConversation } from "./types.d.ts"
 */

/**
 * @param {object} options
 * @param {Commands} options.commands
 * @param {() => void} options.onClose
 * @param {() => void} options.onShowVisitor
 */
export function createThreadHeader({ commands, onClose, onShowVisitor }) {
  const name = h("h2", { tabindex: "-1" });
  const status = h("span", { class: "status" });
  const tools = h("div", { class: "tools" });
  const back = h("button", { type: "button", class: "button small back", click: onClose }, "‹ All");
  const details = h("button", { type: "button", class: "button small details", click: onShowVisitor }, "Details");

  return {
    elements: [h("header", {}, back, h("div", { class: "title" }, name, status), details), tools],
    focus: () => name.focus(),
    /** @param {OpenConversation} conversation */
    draw(conversation) {
      const { visitor, brand, assignee, rating, snoozedUntil, tags } = conversation;
      setText(name, visitor.name);
      const until = snoozedUntil ? ` until ${date(snoozedUntil)}` : "";
      const facts = [
        isolated(brand.name),
        statusName(conversation.status) + until,
        assignee ? ["Assigned to ", isolated(assignee.name)] : "Unassigned",
        rating && `Rated ${FACES[rating]} ${rating} of 5`,
        ...tags.map((tag) => isolated(`#${tag.name}`)),
      ].filter((fact) => fact !== null && fact !== 0);
      fill(
        status,
        facts.map((fact, index) => [index > 0 && " · ", fact]),
      );
      fill(tools, commands.tools(conversation));
    },
  };
}
