/** The panes of the open conversation: its thread and its visitor. The URL determines which conversation is open. */

import { byId, h } from "./dom.js";
import { createThread } from "./thread.js";
import { urls } from "./urls.js";
import { createVisitorPane } from "./visitor.js";

/**
 * @import { Commands } from "./commands.js"
 * @import { Outbox } from "./outbox.js"
 * @import { Thread } from "./thread.js"
 * @import { Client, Colleague, InboxStore } from "./types.d.ts"
 * @import { VisitorPane } from "./visitor.js"
 */

/**
 * @param {object} options
 * @param {InboxStore} options.store the panes set `openId` and `conversation`
 * @param {Client} options.client
 * @param {Commands} options.commands
 * @param {(brandId?: string) => Colleague[]} options.colleaguesIn
 * @param {(id: string) => void} options.onShow called with the id of the conversation that is shown, or ""
 */
export function createPanes({ store, client, commands, colleaguesIn, onShow }) {
  const root = byId("inbox");
  const threadPane = byId("thread-pane");
  let outbox = /** @type {Outbox | null} */ (null);
  let thread = /** @type {Thread | null} */ (null);
  let visitorPane = /** @type {VisitorPane | null} */ (null);

  /** Show a conversation, or none. @param {string} conversationId "" for none */
  const show = (conversationId) => {
    if (conversationId === store.get("openId")) return;
    thread?.close();
    visitorPane?.close();
    thread = visitorPane = null;
    store.set({ openId: conversationId, conversation: null });
    onShow(conversationId);
    root.classList.toggle("has-thread", Boolean(conversationId));
    root.classList.remove("has-visitor");
    if (conversationId && outbox)
      thread = createThread({
        pane: threadPane,
        conversationId,
        store,
        client,
        outbox,
        commands,
        colleaguesIn,
        onClose: close,
        onShowVisitor: () => root.classList.add("has-visitor"),
      });
    else threadPane.replaceChildren(h("p", { class: "nothing" }, "Select a conversation."));
  };

  /** @param {string} id */
  const open = (id) => {
    if (id !== store.get("openId")) history.pushState(null, "", urls.conversation(id) + location.search);
    show(id);
    thread?.focus();
  };

  const close = () => {
    history.pushState(null, "", urls.base + location.search);
    show("");
    byId("list").focus();
  };

  store.subscribe(["conversation"], () => {
    const conversation = store.get("conversation");
    if (!conversation || visitorPane?.visitorId === conversation.visitor._id) return;
    visitorPane?.close();
    const onHide = () => root.classList.remove("has-visitor");
    visitorPane = createVisitorPane({ pane: byId("visitor-pane"), client, commands, conversation, onHide });
  });

  root.addEventListener("click", (event) => {
    const link = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("[data-open]"));
    const id = link?.dataset.open;
    if (!id || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    open(id);
  });

  // Without these listeners, a file that is dropped beside the composer would replace the page.
  root.addEventListener("dragover", (event) => event.preventDefault());
  root.addEventListener("drop", (event) => {
    event.preventDefault();
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length && store.get("conversation")) thread?.composer.attachFiles(files);
  });

  return {
    open,
    /** Leave the conversation and return to the list. */
    close,
    /** Set the outbox, which exists once the operator is known. Call this before a conversation is shown. @param {Outbox} value */
    setOutbox(value) {
      outbox = value;
    },
    /** Show the conversation that the URL names. */
    readUrl: () => show(location.pathname.slice(urls.base.length).replace(/\/$/, "")),
    /** The open thread, or null. */
    get thread() {
      return thread;
    },
  };
}
