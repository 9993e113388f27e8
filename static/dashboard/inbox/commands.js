/** The commands on conversations, for the buttons above the thread, the shortcuts and the bulk actions. */

import { askLead, askSnooze, askTags, choose, confirm } from "./dialogs.js";
import { counted, h, reasonOf } from "./dom.js";
import { showToast } from "./toast.js";

const AT_ONCE = 100; // the most conversations that the server changes in one call

/**
 * @typedef {import("./dom.js").Row} Row
 * @param {any} app the object of main.js; this uses its client, me, colleaguesIn and tags
 * @param {() => Row | null | undefined} current returns the open conversation once it has loaded
 */
export function createCommands(app, current) {
  /**
   * Run a mutation. If it fails, show the reason and return undefined.
   * @param {string} name @param {Record<string, any>} args
   */
  const change = (name, args) =>
    app.client.mutate(name, args).catch((/** @type {unknown} */ error) => showToast(reasonOf(error), true));

  /**
   * Run a mutation on the conversation that is open at the time of the call.
   * @param {string} name @param {Record<string, any>} args
   */
  const changeThis = (name, args) => {
    const row = current();
    if (row) change(name, { conversationId: row._id, ...args });
  };

  /** @param {(operatorId: string | null) => void} take @param {string} [brandId] offer only operators who can see this brand */
  const askAssignee = (take, brandId) => {
    const others = app.colleaguesIn(brandId);
    choose("Assign to", [
      { label: "Me", take: () => take(app.me._id) },
      ...others.map((/** @type {any} */ { _id, name }) => ({ label: name, take: () => take(_id) })),
      { label: "Nobody", take: () => take(null) },
    ]);
  };

  const commands = {
    change,
    changeThis,
    assign() {
      const row = current();
      if (!row) return;
      const { _id: conversationId, brandId } = row;
      askAssignee((operatorId) => change("conversations:assign", { conversationId, operatorId }), brandId);
    },
    assignToMe: () => changeThis("conversations:assign", { operatorId: app.me._id }),
    snooze() {
      const conversationId = current()?._id;
      const status = "snoozed";
      if (conversationId)
        askSnooze((snoozedUntil) => change("conversations:setStatus", { conversationId, status, snoozedUntil }));
    },
    resolve() {
      const row = current();
      if (row) changeThis("conversations:setStatus", { status: isOver(row) ? "open" : "resolved" });
    },
    close: () => changeThis("conversations:setStatus", { status: "closed" }),
    tags() {
      const row = current();
      if (!row) return;
      const had = new Set(row.tags.map(({ _id }) => _id));
      askTags(app.tags, had, async (ids, name) => {
        const created = name && (await app.client.mutate("tags:create", { name })).tagId;
        const now = new Set(created ? [...ids, created] : ids);
        const add = [...now].filter((id) => !had.has(id));
        const remove = [...had].filter((id) => !now.has(id));
        return app.client.mutate("conversations:changeTags", { conversationId: row._id, add, remove });
      });
    },
    lead() {
      const row = current();
      if (!row) return;
      const { name, email, phone } = row.visitor;
      askLead({ name, email: email ?? "", phone: phone ?? "" }, (lead) =>
        app.client.mutate("leads:create", { ...lead, conversationId: row._id }),
      );
    },

    /** @param {"visitor" | "me"} to */
    async transcript(to) {
      const conversationId = current()?._id;
      if (!conversationId) return;
      const isAsked = await change("conversations:sendTranscript", { conversationId, to });
      if (isAsked) showToast("The transcript is on its way.");
    },
    /** @param {boolean} blocked */
    block(blocked) {
      const row = current();
      if (!row) return;
      const act = () => change("conversations:blockVisitor", { conversationId: row._id, blocked });
      if (blocked) confirm(`Take no more messages of ${row.visitor.name}?`, "Block the visitor", act);
      else act();
    },

    /** Return the buttons above the thread. @param {Row} row */
    tools: (row) =>
      [
        tool("Assign", "a", commands.assign),
        row.assignee?._id !== app.me._id && tool("To me", "i", commands.assignToMe),
        !isOver(row) && tool("Snooze", "z", commands.snooze),
        tool("Tags", "t", commands.tags),
        tool(isOver(row) ? "Reopen" : "Resolve", "e", commands.resolve),
        row.status !== "closed" && tool("Close", "", commands.close),
      ].filter(Boolean),

    /** Return the bar of bulk actions for the selected rows. @param {Set<string>} chosen @param {() => void} unchoose */
    many(chosen, unchoose) {
      /** @param {Record<string, any>} changes */
      const all = (changes) => {
        const ids = [...chosen];
        for (let from = 0; from < ids.length; from += AT_ONCE)
          change("conversations:change", { conversationIds: ids.slice(from, from + AT_ONCE), ...changes });
        unchoose();
      };
      return [
        h("span", {}, `${counted("conversation", chosen.size)} chosen`),
        tool("Assign", "", () => askAssignee((operatorId) => all({ operatorId }))),
        tool("Snooze", "", () => askSnooze((snoozedUntil) => all({ status: "snoozed", snoozedUntil }))),
        tool("Resolve", "", () => all({ status: "resolved" })),
        tool("Choose none", "", unchoose),
      ];
    },
  };
  return commands;
}

/** @param {Row} row */
const isOver = ({ status }) => status === "resolved" || status === "closed";

/** @param {string} text @param {string} key its shortcut, or "" @param {() => void} onclick */
const tool = (text, key, onclick) =>
  h("button", { type: "button", class: "plain", title: key && `Key: ${key}`, onclick }, text);
