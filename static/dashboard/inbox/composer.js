/** Where the operator writes: replies and notes, with canned replies, mentions and files. */

import { confirm } from "./dialogs.js";
import { h, setText } from "./dom.js";
import { suggestIn } from "./suggest.js";

/**
 * @typedef {import("./outbox.js").Sent} Sent
 * @typedef {ReturnType<typeof import("./outbox.js").outboxOf>} Outbox
 * @typedef {{shortcut: string, body: string}} CannedReply
 * @typedef {import("./dom.js").Person} Person
 */

const TYPING_AGAIN = 4000;
const LONGEST = 10_000; // characters, as the server counts them

/**
 * @param {object} with_
 * @param {string} with_.conversationId
 * @param {Outbox} with_.outbox
 * @param {() => CannedReply[]} with_.cannedReplies
 * @param {() => Person[]} with_.colleagues
 * @param {() => Record<string, string>} with_.words what stands for {{visitor.name}} and its like
 * @param {() => string | undefined} with_.newest the newest message that is shown
 * @param {() => void} with_.onTyping begun, gone on, or ended by sending
 * @param {() => void} with_.onSent
 * @param {() => string} with_.visitor their name
 */
export function composerFor(with_) {
  const { conversationId, outbox, cannedReplies, colleagues, words, newest, onTyping, onSent, visitor } = with_;
  let seenMessageId = /** @type {string | undefined} */ (undefined); // the newest that the writer knew of
  let typedAt = 0;

  const field = h("textarea", {
    "aria-label": "Reply",
    rows: 3,
    dir: "auto",
    "aria-autocomplete": "list",
    "aria-controls": "suggestions",
  });
  const box = h("div", { id: "suggestions", role: "listbox", "aria-label": "Suggestions", hidden: true });
  const tabs = /** @type {const} */ (["reply", "note"]).map((kind) =>
    h(
      "button",
      { type: "button", "data-kind": kind, onclick: () => turnTo(kind) },
      kind === "reply" ? "Reply" : "Note",
    ),
  );
  const chooser = h("input", {
    type: "file",
    hidden: true,
    multiple: true,
    accept: "image/png,image/jpeg,image/gif,image/webp,application/pdf",
  });
  const attach = h("button", { type: "button", class: "plain", onclick: () => chooser.click() }, "Attach a file");
  const submit = h("button", { type: "submit", class: "button" }, "Send");
  const hint = h("span", { class: "quiet" });
  const foot = h("div", { class: "foot" }, attach, chooser, hint, submit);
  const form = h("form", { id: "composer" }, h("div", { class: "tabs" }, tabs), box, field, foot);

  const isNote = () => form.classList.contains("note");

  /** @param {"reply" | "note"} kind */
  const showAs = (kind) => {
    form.classList.toggle("note", kind === "note");
    form.classList.toggle("reply", kind === "reply");
    for (const tab of tabs) tab.setAttribute("aria-pressed", String(tab.dataset.kind === kind));
    field.setAttribute("aria-label", kind === "note" ? "Note" : "Reply");
    field.placeholder =
      kind === "note" ? "Only your team sees this. @ mentions a colleague" : "Write a reply. / finds canned replies";
    attach.hidden = kind === "note";
    setText(submit, kind === "note" ? "Add note" : "Send");
  };

  /** @param {"reply" | "note"} kind */
  const turnTo = (kind) => {
    showAs(kind);
    keep();
    field.focus();
  };

  /** As it is kept, by this tab or another. */
  const takeDraft = () => {
    const draft = outbox.draft(conversationId);
    field.value = draft.body;
    seenMessageId = draft.seenMessageId;
    showAs(draft.kind);
    fit();
  };

  const keep = () => {
    const kind = isNote() ? "note" : "reply";
    outbox.keepDraft(conversationId, { body: field.value, kind, ...(seenMessageId && { seenMessageId }) });
  };

  /** As high as the text, up to a point. What is too long to be sent is told, and not cut. */
  const fit = () => {
    field.style.height = "auto";
    field.style.height = `${Math.min(320, field.scrollHeight + 2)}px`;
    const length = [...field.value.trim()].length;
    const isLong = length > LONGEST;
    setText(hint, isLong ? `${length.toLocaleString()} of ${LONGEST.toLocaleString()} characters` : "Ctrl+Enter");
    hint.classList.toggle("refused", isLong);
    submit.disabled = isLong;
  };

  /** @param {string} sign @param {string} word */
  const find = (sign, word) => {
    if (sign === "@")
      return isNote()
        ? colleagues()
            .filter(({ name }) => name.toLowerCase().includes(word))
            .map(({ name }) => ({ title: name, text: "", insert: `@${name} ` }))
        : [];
    const about = words();
    const replies = cannedReplies();
    if (!replies.length && !word)
      return [{ title: "No canned replies yet", text: "They are written under Canned replies.", insert: "/" }];
    return replies
      .filter(({ shortcut, body }) => shortcut.toLowerCase().startsWith(word) || body.toLowerCase().includes(word))
      .map(({ shortcut, body }) => {
        const text = body.replace(/\{\{\s*([\w.]+)\s*\}\}/g, (whole, name) =>
          Object.hasOwn(about, name) ? about[name] : whole,
        );
        return { title: `/${shortcut}`, text, insert: text };
      });
  };

  /** @param {boolean} resolves */
  const send = (resolves) => {
    const body = field.value.trim().toWellFormed();
    if (!body || submit.disabled) return;
    const kind = isNote() ? "note" : "reply";
    outbox.send({
      conversationId,
      kind,
      body,
      mentions: kind === "note" ? mentionedIn(body, colleagues()) : [],
      resolves: resolves && kind === "reply",
      ...(kind === "reply" && seenMessageId && { seenMessageId }),
    });
    field.value = "";
    seenMessageId = undefined;
    typedAt = 0;
    fit();
    keep();
    onTyping();
    onSent();
  };

  /** @param {File[]} files */
  const sendFiles = (files) => {
    for (const file of files) outbox.sendFile(conversationId, file);
    onSent();
  };

  /** Pasted or dropped, perhaps by mistake. @param {File[]} files */
  const offerFiles = (files) => {
    const names = files.map(({ name }) => name).join(", ");
    const label = files.length > 1 ? `Send ${files.length} files` : "Send the file";
    confirm(`Send ${names} to ${visitor()}?`, label, () => sendFiles(files));
  };

  suggestIn(field, box, find);
  field.addEventListener("input", () => {
    if (field.value.trim()) seenMessageId ??= newest();
    else seenMessageId = undefined;
    fit();
    keep();
    const now = Date.now();
    if (!isNote() && now - typedAt > TYPING_AGAIN) {
      typedAt = now;
      onTyping();
    }
  });
  field.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) {
      event.preventDefault();
      send(event.shiftKey);
    } else if (event.key === "Escape") field.blur();
  });
  field.addEventListener("paste", (/** @type {ClipboardEvent} */ event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    offerFiles(files);
  });
  chooser.addEventListener("change", () => {
    sendFiles([...chooser.files]);
    chooser.value = "";
  });
  form.addEventListener("submit", (/** @type {Event} */ event) => {
    event.preventDefault();
    send(false);
  });

  takeDraft();
  requestAnimationFrame(fit);

  return {
    form,
    turnTo,
    takeDraft,
    offerFiles,
    get isTyping() {
      return Date.now() - typedAt <= TYPING_AGAIN;
    },
    /** The thread is there: what was begun before it was begun with what it holds. */
    loaded() {
      if (!field.value.trim()) return;
      seenMessageId ??= newest();
      keep();
    },
    /** What was refused is for the writer again. @param {Sent} sent */
    takeUp(sent) {
      turnTo(sent.kind === "note" ? "note" : "reply");
      field.value = [sent.body, field.value].filter(Boolean).join("\n\n");
      seenMessageId = newest();
      fit();
      keep();
    },
  };
}

/** Whom the text names behind an "@", chosen or typed: the longest name that fits. @param {string} body @param {Person[]} people */
const mentionedIn = (body, people) => {
  const text = body.toLowerCase();
  const found = /** @type {Set<string>} */ (new Set());
  const longest = people.toSorted((a, b) => b.name.length - a.name.length);
  for (const { index } of text.matchAll(/@/g)) {
    const fits = (/** @type {Person} */ { name }) =>
      text.startsWith(name.toLowerCase(), index + 1) && !/[\p{L}\p{N}]/u.test(text[index + 1 + name.length] ?? "");
    const name = longest.find(fits)?.name;
    for (const each of people) if (each.name === name) found.add(each._id);
  }
  return [...found];
};
