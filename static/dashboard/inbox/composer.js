/** The operator's composer: two drafts, a reply with files and a note, with suggestions for canned replies and mentions. */

import { createAttachments } from "./attachments.js";
import { createAutocomplete } from "./autocomplete.js";
import { h, isComposing, sendable, setAttribute, setText } from "./dom.js";
import { format } from "./formatting.js";
import { mentionedIn } from "./mentions.js";
import { showToast } from "./toast.js";

/**
 * @import { CannedReply, Named } from "./types.d.ts"
 * @import { Outbox, OutboxItem, StoredFile } from "./outbox.js"
 * @typedef {"reply" | "note"} Kind
 */

const TYPING_INTERVAL = 4000;
const MAX_LENGTH = 10_000; // Unicode code points, as the server counts them
const KINDS = /** @type {const} */ (["reply", "note"]);
const TEXTS = {
  reply: { label: "Reply", hint: "Write a reply. / finds canned replies", send: "Send" },
  note: { label: "Note", hint: "Only your team sees this. @ mentions a colleague", send: "Add note" },
};

/**
 * @param {object} options
 * @param {string} options.conversationId
 * @param {Outbox} options.outbox
 * @param {() => CannedReply[]} options.cannedReplies
 * @param {() => Named[]} options.colleagues
 * @param {() => Record<string, string>} options.placeholders returns the values of placeholders such as {{visitor.name}}
 * @param {() => string | undefined} options.newestMessageId
 * @param {() => void} options.onTyping called when typing begins, continues, or ends by sending
 * @param {(resolves: boolean) => void} options.onSent
 * @param {() => boolean} options.enterSends whether Enter sends, and Shift+Enter begins a line
 */
export function createComposer(options) {
  const {
    conversationId,
    outbox,
    cannedReplies,
    colleagues,
    placeholders,
    newestMessageId,
    onTyping,
    onSent,
    enterSends,
  } = options;
  const texts = { reply: "", note: "" };
  let kind = /** @type {Kind} */ ("reply"); // the draft that is shown
  let seenMessageId = /** @type {string | undefined} */ (undefined); // the newest message when the reply was begun
  let typedAt = 0;

  const field = h("textarea", {
    "aria-label": "Reply",
    rows: 3,
    dir: "auto",
    "aria-autocomplete": "list",
    "aria-controls": "suggestions",
  });
  const box = h("div", { id: "suggestions", role: "listbox", "aria-label": "Suggestions", hidden: true });
  const tabs = KINDS.map((each) =>
    h("button", { type: "button", "data-kind": each, click: () => showDraft(each) }, TEXTS[each].label),
  );
  const picker = h("input", {
    type: "file",
    hidden: true,
    multiple: true,
    accept: "image/png,image/jpeg,image/gif,image/webp,application/pdf",
  });
  const attach = h("button", { type: "button", class: "button small", click: () => picker.click() }, "Attach files");
  const submit = h("button", { type: "submit", class: "button primary small" }, "Send");
  const hint = h("span", { class: "quiet" });
  const foot = h("div", { class: "foot" }, attach, picker, hint, submit);
  const attachments = createAttachments({
    onChange() {
      if (!isBegun()) seenMessageId = undefined;
      save();
      fit();
    },
  });
  const form = h("form", { id: "composer" }, h("div", { class: "tabs" }, tabs), box, field, attachments.element, foot);

  const draw = () => {
    const { label, hint: placeholder, send: sendLabel } = TEXTS[kind];
    for (const each of KINDS) form.classList.toggle(each, each === kind);
    for (const tab of tabs) setAttribute(tab, "aria-pressed", String(tab.dataset.kind === kind));
    field.setAttribute("aria-label", label);
    field.placeholder = placeholder;
    if (field.value !== texts[kind]) field.value = texts[kind];
    attach.hidden = attachments.element.hidden = kind === "note";
    setText(submit, sendLabel);
    fit();
  };

  const sendKey = () => (enterSends() ? "Enter" : "Ctrl+Enter");

  /** Show and focus the reply or the note. @param {Kind} next */
  const showDraft = (next) => {
    kind = next;
    draw();
    save();
    field.focus();
  };

  /** Load the stored texts and files, which another tab may have changed. This tab's choice of reply or note does not change. */
  const loadDraft = () => {
    const draft = outbox.draft(conversationId);
    for (const each of KINDS) texts[each] = draft[each];
    ({ seenMessageId } = draft);
    attachments.show(draft.files);
    draw();
  };

  const save = () => {
    const files = attachments.stored;
    outbox.saveDraft(conversationId, { kind, ...texts, files, ...(seenMessageId && { seenMessageId }) });
  };

  /** Fit the field's height to the text, up to a limit. A text that is too long is marked as such and not truncated. */
  const fit = () => {
    field.style.height = "auto";
    field.style.height = `${Math.min(320, field.scrollHeight + 2)}px`;
    const length = [...field.value.trim()].length;
    const isTooLong = length > MAX_LENGTH;
    setText(hint, isTooLong ? `${length.toLocaleString()} of ${MAX_LENGTH.toLocaleString()} characters` : sendKey());
    hint.classList.toggle("refused", isTooLong);
    submit.disabled = isTooLong;
  };

  /** Return the suggestions for a sign and the text after it. @param {string} sign @param {string} text */
  const find = (sign, text) => {
    if (sign === "/") return findReplies(text);
    const found = kind === "note" ? colleagues().filter(({ name }) => name.toLowerCase().includes(text)) : [];
    return found.map(({ name }) => ({ title: name, text: "", insert: `@${name} ` }));
  };

  /** @param {string} text */
  const findReplies = (text) => {
    const values = placeholders();
    const replies = cannedReplies();
    if (!replies.length && !text)
      return [{ title: "No canned replies yet", text: "Add them under Canned replies.", insert: "/" }];
    return replies
      .filter(({ shortcut, body }) => shortcut.toLowerCase().startsWith(text) || body.toLowerCase().includes(text))
      .map(({ shortcut, body }) => {
        const filled = body.replace(/\{\{\s*([\w.]+)\s*\}\}/g, (whole, name) =>
          Object.hasOwn(values, name) ? values[name] : whole,
        );
        return { title: `/${shortcut}`, text: filled, insert: filled };
      });
  };

  /** Send the draft that is shown. The other one stays. @param {boolean} resolves */
  const send = (resolves) => {
    const body = sendable(field.value);
    const isReply = kind === "reply";
    const files = isReply ? attachments.all : [];
    if ((!body && !files.length) || submit.disabled) return;
    const more = isReply && seenMessageId && { seenMessageId };
    const mentions = isReply ? [] : mentionedIn(body, colleagues());
    outbox.send({ conversationId, kind, body, mentions, resolves: resolves && isReply, ...more }, files);
    texts[kind] = "";
    if (isReply) {
      seenMessageId = undefined;
      attachments.clear();
    }
    typedAt = 0;
    draw();
    save();
    onTyping();
    onSent(resolves && isReply);
  };

  /** Attach chosen, pasted or dropped files to the reply. @param {File[]} files */
  const attachFiles = (files) => {
    if (kind === "note" && files.length) showToast("Notes cannot have files. The files were added to the reply.");
    seenMessageId ??= newestMessageId();
    return attachments.add(files);
  };

  createAutocomplete({ field, box, find });
  field.addEventListener("input", () => {
    texts[kind] = field.value;
    if (kind === "reply") seenMessageId = isBegun() ? (seenMessageId ?? newestMessageId()) : undefined;
    fit();
    save();
    const now = Date.now();
    if (kind === "reply" && now - typedAt > TYPING_INTERVAL) {
      typedAt = now;
      onTyping();
    }
  });
  field.addEventListener("keydown", (event) => {
    if (isComposing(event) || event.defaultPrevented) return;
    if (event.key === "Enter" && (event.metaKey || event.ctrlKey || (enterSends() && !event.shiftKey))) {
      event.preventDefault();
      send(event.shiftKey);
    } else if (event.key === "Escape") field.blur();
    else if (format(field, event)) event.preventDefault();
  });
  field.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    attachFiles(files);
  });
  picker.addEventListener("change", () => {
    attachFiles([...(picker.files ?? [])]);
    picker.value = "";
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(false);
  });

  const isBegun = () => Boolean(texts.reply.trim() || attachments.all.length);

  ({ kind } = outbox.draft(conversationId));
  loadDraft();
  requestAnimationFrame(fit);

  return {
    form,
    showDraft,
    loadDraft,
    attachFiles,
    get isTyping() {
      return Date.now() - typedAt <= TYPING_INTERVAL;
    },
    /**
     * Handle the loaded thread: a reply that was begun before counts as begun after its newest message. The draft is not stored,
     * because it has not changed, and another tab may just have sent it.
     */
    onThreadLoaded() {
      if (isBegun()) seenMessageId ??= newestMessageId();
    },
    /**
     * Put a cancelled message back into the draft, with the files that waited for it.
     * @param {OutboxItem | null} item @param {StoredFile[]} files
     */
    restore(item, files) {
      const restored = item?.kind === "note" ? "note" : "reply";
      if (item) texts[restored] = [item.body, texts[restored]].filter(Boolean).join("\n\n");
      if (restored === "reply") seenMessageId = newestMessageId();
      attachments.restore(files);
      showDraft(restored);
    },
  };
}
