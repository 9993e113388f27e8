/** Bulk actions: what the keys and the bar do while rows of the list are selected. */

import { isOver, tool } from "./commands.js";
import { askSnooze, askTags } from "./dialogs.js";
import { h, pluralize } from "./dom.js";

/**
 * @import { Commands } from "./commands.js"
 * @import { Client, InboxStore, Mutations, Row } from "./types.d.ts"
 * @typedef {Omit<Mutations["conversations:change"]["args"], "conversationIds">} Changes
 */

const MAX_PER_CALL = 100; // the most conversations that the server changes in one call

/**
 * @param {object} options
 * @param {InboxStore} options.store
 * @param {Client} options.client
 * @param {Commands} options.commands
 * @param {Set<string>} options.selected ids of the selected conversations
 * @param {(id: string) => Row | undefined} options.row
 * @param {() => void} options.deselect
 * @param {() => void} options.selectAll
 */
export function createBulkActions({ store, client, commands, selected, row, deselect, selectAll }) {
  const rows = () => [...selected].flatMap((id) => row(id) ?? []);

  /** Change the selected conversations, and deselect them. @param {Changes} changes */
  const changeAll = (changes) => {
    const ids = rows().map(({ _id }) => _id); // others have left the list since they were selected
    for (let from = 0; from < ids.length; from += MAX_PER_CALL)
      commands.change("conversations:change", { conversationIds: ids.slice(from, from + MAX_PER_CALL), ...changes });
    deselect();
  };

  const assignTo = (/** @type {string | null} */ operatorId) => changeAll({ operatorId });

  /** Ask for the tags. Those that all the conversations have are checked; the others stay unless they are checked and saved. */
  const changeTags = () => {
    const sets = rows().map(({ tags }) => new Set(tags.map(({ _id }) => _id)));
    const before = new Set([...(sets[0] ?? [])].filter((id) => sets.every((set) => set.has(id))));
    askTags(store.get("tags"), before, async (ids, name) => {
      const created = name ? [(await client.mutate("tags:create", { name })).tagId] : [];
      const addTags = [...ids, ...created].filter((id) => !before.has(id));
      const removeTags = [...before].filter((id) => !ids.includes(id));
      if (addTags.length || removeTags.length) changeAll({ addTags, removeTags });
    });
  };

  const areOver = () => rows().length > 0 && rows().every(isOver);

  const actions = {
    resolve: () => changeAll({ status: areOver() ? "open" : "resolved" }),
    close: () => changeAll({ status: "closed" }),
    snooze: () => askSnooze((snoozedUntil) => changeAll({ status: "snoozed", snoozedUntil })),
    assign: () => commands.askAssignee(assignTo, rows()),
    assignToMe: () => commands.askToTake(rows(), () => assignTo(store.get("me")?._id ?? "")),
    tags: changeTags,
  };

  return {
    /** Run an action on the selected conversations, or else the command on the open one. @param {keyof typeof actions} name */
    run: (name) => (selected.size ? actions[name]() : commands[name]()),
    /** Return the contents of the bar. */
    bar: () => [
      h("span", {}, `${pluralize("conversation", selected.size)} selected`),
      tool("Assign", "a", actions.assign),
      tool("Snooze", "z", actions.snooze),
      tool("Tags", "t", actions.tags),
      tool(areOver() ? "Reopen" : "Resolve", "e", actions.resolve),
      tool("Close", "", actions.close),
      tool("Select all", "Shift+X", selectAll),
      tool("Clear selection", "Esc", deselect),
    ],
  };
}
