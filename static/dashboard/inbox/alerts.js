/** The lines above the list: mentions of the operator, and conversations that others assigned to them or took from them. */

import { byId, h, isolated } from "./dom.js";
import { assignmentText, lossText } from "./notifications.js";
import { urls } from "./urls.js";

/**
 * @import { Assignment, Assignments, Client, Mention } from "./types.d.ts"
 * @import { Child } from "./dom.js"
 */

const MAX_LINES = 3; // of mentions, and of assignments

/** @param {{client: Client}} options */
export function createAlerts({ client }) {
  return {
    /** @param {Mention[]} mentions */
    showMentions(mentions) {
      const lines = mentions
        .slice(0, MAX_LINES)
        .map(({ conversationId, sender, visitor }) =>
          linkTo(conversationId, [isolated(sender), " mentioned you: ", isolated(visitor)]),
        );
      byId("mentions").replaceChildren(...lines);
    },

    /**
     * Show each assignment on a line, or many as one line that links to the operator's own conversations. The newest losses
     * follow. A button dismisses them all.
     * @param {Assignments} assignments
     */
    showAssignments({ count, newest, lost }) {
      if (!count && !lost.length) return byId("assignments").replaceChildren();
      const lines = count > MAX_LINES ? [summaryOf(newest[0], count)] : newest.map(lineOf);
      lines.push(...lost.slice(0, MAX_LINES).map((loss) => linkTo(loss.conversationId, lossText(loss, isolated))));
      const until = Math.max(...[...newest, ...lost].map(({ createdAt }) => createdAt));
      const dismiss = () => client.mutate("inbox:seeAssignments", { until });
      const button = h("button", { type: "button", class: "button small", click: dismiss }, "Dismiss");
      byId("assignments").replaceChildren(...lines, button);
    },
  };
}

/** @param {string} conversationId @param {Child} content */
const linkTo = (conversationId, content) =>
  h("a", { href: urls.conversation(conversationId), "data-open": conversationId }, content);

/** @param {Assignment} assignment */
const lineOf = ({ conversationId, assignedBy, visitor }) =>
  linkTo(conversationId, assignmentText(isolated(assignedBy), 1, isolated(visitor)));

/** @param {Assignment} newest @param {number} count */
const summaryOf = ({ assignedBy, visitor }, count) =>
  h("a", { href: `${urls.base}?view=mine` }, assignmentText(isolated(assignedBy), count, isolated(visitor)));
