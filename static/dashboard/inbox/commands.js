/** The commands on conversations, for the buttons above the thread, the shortcuts and the bulk actions. */

import { askLead, askSnooze, askTags, askVisitor, choose, confirm } from "./dialogs.js";
import { h, isolated, reasonOf } from "./dom.js";
import { showToast } from "./toast.js";

/**
 * @import { Client, Colleague, Conversation, InboxStore, MutationName, Mutations, OpenConversation } from "./types.d.ts"
 * @typedef {ReturnType<typeof createCommands>} Commands
 */

/**
 * @param {object} options
 * @param {InboxStore} options.store
 * @param {Client} options.client
 * @param {(brandId?: string) => Colleague[]} options.colleaguesIn
 * @param {() => void} options.onLeave called to close the open conversation
 * @param {() => void} options.onResolved called after the open conversation has been resolved
 */
export function createCommands({ store, client, colleaguesIn, onLeave, onResolved }) {
  const ownId = () => store.get("me")?._id ?? "";

  /**
   * Run a mutation. If it fails, show the reason and return undefined.
   * @template {MutationName} Name
   * @param {Name} name @param {Mutations[Name]["args"]} args
   */
  const change = (name, args) => client.mutate(name, args).catch((error) => showToast(reasonOf(error), true));

  /**
   * Run an action on the conversation that is open at the time of the call, once it has loaded.
   * @param {(conversation: OpenConversation) => unknown} action
   */
  const onOpen = (action) => {
    const conversation = store.get("conversation");
    if (conversation) action(conversation);
  };

  /**
   * Take conversations. Ask first if a colleague, who can still reply in them, has any.
   * @param {Conversation[]} conversations @param {() => void} take
   */
  const askToTake = (conversations, take) => {
    const colleagues = new Set(store.get("colleagues").map(({ _id }) => _id));
    const taken = conversations.flatMap(({ assignee }) =>
      assignee && assignee._id !== ownId() && colleagues.has(assignee._id) ? [assignee.name] : [],
    );
    if (!taken.length) return take();
    const question =
      conversations.length === 1
        ? `${taken[0]} has this conversation. Take it?`
        : `Colleagues have ${taken.length.toLocaleString()} of these conversations. Take them?`;
    confirm(question, conversations.length === 1 ? "Take it" : "Take them", take);
  };

  /**
   * @param {(operatorId: string | null) => void} onChoice
   * @param {Conversation[]} conversations those that are assigned
   * @param {string} [brandId] offer only operators who can see this brand
   */
  const askAssignee = (onChoice, conversations, brandId) => {
    choose("Assign to", [
      { label: "Me", onChoice: () => askToTake(conversations, () => onChoice(ownId())) },
      ...colleaguesIn(brandId).map(({ _id, name }) => ({ label: name, onChoice: () => onChoice(_id) })),
      { label: "Unassigned", onChoice: () => onChoice(null) },
    ]);
  };

  const commands = {
    onResolved,
    change,
    askAssignee,
    askToTake,
    assign: () =>
      onOpen((conversation) => {
        const { _id: conversationId, brandId } = conversation;
        const assign = (/** @type {string | null} */ operatorId) =>
          change("conversations:assign", { conversationId, operatorId });
        askAssignee(assign, [conversation], brandId);
      }),
    assignToMe: () =>
      onOpen((conversation) => {
        const { _id: conversationId } = conversation;
        askToTake([conversation], () => change("conversations:assign", { conversationId, operatorId: ownId() }));
      }),
    snooze: () =>
      onOpen(({ _id: conversationId }) =>
        askSnooze((snoozedUntil) =>
          change("conversations:setStatus", { conversationId, status: "snoozed", snoozedUntil }),
        ),
      ),
    /** Resolve the conversation, or reopen it. */
    resolve: () =>
      onOpen((conversation) => {
        const status = isOver(conversation) ? "open" : "resolved";
        change("conversations:setStatus", { conversationId: conversation._id, status });
        if (status === "resolved") onResolved();
      }),
    close: () =>
      onOpen(({ _id: conversationId }) => change("conversations:setStatus", { conversationId, status: "closed" })),
    tags: () =>
      onOpen(({ _id: conversationId, tags }) => {
        const before = new Set(tags.map(({ _id }) => _id));
        askTags(store.get("tags"), before, async (ids, name) => {
          const created = name && (await client.mutate("tags:create", { name })).tagId;
          const after = new Set(created ? [...ids, created] : ids);
          const add = [...after].filter((id) => !before.has(id));
          const remove = [...before].filter((id) => !after.has(id));
          return client.mutate("conversations:changeTags", { conversationId, add, remove });
        });
      }),
    lead: () =>
      onOpen(({ _id: conversationId, visitor: { name, email, phone } }) =>
        askLead({ name, email: email ?? "", phone: phone ?? "" }, (lead, unlessDuplicate) =>
          client.mutate("leads:create", { ...lead, conversationId, unlessDuplicate }),
        ),
      ),
    /** Edit the visitor's name, e-mail address and phone number. */
    visitor: () =>
      onOpen(({ visitor: { _id: visitorId, name, email, phone } }) =>
        askVisitor({ name, email: email ?? "", phone: phone ?? "" }, (details) =>
          client.mutate("visitors:update", { visitorId, ...details }),
        ),
      ),

    /** Mark a conversation as unread. Close it first if it is open, because what is open counts as read. @param {string} id */
    markUnread(id) {
      if (!id) return;
      if (id === store.get("openId")) onLeave();
      change("inbox:markUnread", { conversationId: id });
    },

    /** @param {"visitor" | "me"} to */
    transcript: (to) =>
      onOpen(({ _id: conversationId, visitor: { name } }) => {
        const send = async () => {
          const isRequested = await change("conversations:sendTranscript", { conversationId, to });
          if (isRequested) showToast("The transcript is on its way.");
        };
        if (to === "me") send();
        else confirm(["Send the whole conversation to ", isolated(name), "?"], "Send transcript", send);
      }),
    /** @param {boolean} blocked */
    block: (blocked) =>
      onOpen(({ _id: conversationId, visitor: { name } }) => {
        const act = () => change("conversations:blockVisitor", { conversationId, blocked });
        const question = ["Block ", isolated(name), "? Their messages will be rejected."];
        if (blocked) confirm(question, "Block the visitor", act);
        else act();
      }),

    /** Return the buttons above the thread. @param {Conversation} conversation */
    tools: (conversation) =>
      [
        tool("Assign", "a", commands.assign),
        conversation.assignee?._id !== ownId() && tool("To me", "i", commands.assignToMe),
        !isOver(conversation) && tool("Snooze", "z", commands.snooze),
        tool("Tags", "t", commands.tags),
        tool(isOver(conversation) ? "Reopen" : "Resolve", "e", commands.resolve, isOver(conversation) ? "" : "primary"),
        conversation.status !== "closed" && tool("Close", "", commands.close),
        tool("Mark as unread", "u", () => commands.markUnread(conversation._id)),
      ].filter((button) => button !== false),
  };
  return commands;
}

/** @param {Conversation} conversation */
export const isOver = ({ status }) => status === "resolved" || status === "closed";

/** @param {string} text @param {string} key its shortcut, or "" @param {() => void} click @param {string} [look] a class */
export const tool = (text, key, click, look = "") =>
  h("button", { type: "button", class: `button small ${look}`, title: key && `Key: ${key}`, click }, text);
