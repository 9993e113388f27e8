/** The operator's composer: two drafts, a reply with files and a note, with suggestions for canned replies and mentions. */

import { createAttachments } from "./attached.js";
import { createAutocomplete } from "./autocomplete.js";
import { h, setText, wellFormed } from "./dom.js";
import { showToast } from "./toast.js";

/**
 * @typedef {import("./outbox.js").Sent} Sent
 * @typedef {import("./outbox.js").KeptFile} KeptFile
 * @typedef {ReturnType<typeof import("./outbox.js").createOutbox>} Outbox
 * @typedef {{shortcut: string, body: string}} CannedReply
 * @typedef {import("./dom.js").Person} Person
 * @typedef {"reply" | "note"} Kind
 */

const TYPING_AGAIN = 4000;
const LONGEST = 10_000; // Unicode code points, as the server counts them
const KINDS = /** @type {const} */ (["reply", "note"]);
const WORDS = {
  reply: { label: "Reply", hint: "Write a reply. / finds canned replies", send: "Send" },
  note: { label: "Note", hint: "Only your team sees this. @ mentions a colleague", send: "Add note" },
};

/**
 * @param {object} with_
 * @param {string} with_.conversationId
 * @param {Outbox} with_.outbox
 * @param {() => CannedReply[]} with_.cannedReplies
 * @param {() => Person[]} with_.colleagues
 * @param {() => Record<string, string>} with_.words returns the values of placeholders such as {{visitor.name}}
 * @param {() => string | undefined} with_.newest returns the id of the newest message in the thread
 * @param {() => void} with_.onTyping called when typing begins, continues, or ends by sending
 * @param {() => void} with_.onSent
 */
export function createComposer(with_) {
  const { conversationId, outbox, cannedReplies, colleagues, words, newest, onTyping, onSent } = with_;
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
    h("button", { type: "button", "data-kind": each, onclick: () => turnTo(each) }, WORDS[each].label),
  );
  const chooser = h("input", {
    type: "file",
    hidden: true,
    multiple: true,
    accept: "image/png,image/jpeg,image/gif,image/webp,application/pdf",
  });
  const attach = h("button", { type: "button", class: "plain", onclick: () => chooser.click() }, "Attach files");
  const submit = h("button", { type: "submit", class: "button" }, "Send");
  const hint = h("span", { class: "quiet" });
  const foot = h("div", { class: "foot" }, attach, chooser, hint, submit);
  const attached = createAttachments(() => {
    if (!isBegun()) seenMessageId = undefined;
    keep();
    fit();
  });
  const form = h("form", { id: "composer" }, h("div", { class: "tabs" }, tabs), box, field, attached.element, foot);

  const draw = () => {
    const { label, hint: placeholder, send: word } = WORDS[kind];
    for (const each of KINDS) form.classList.toggle(each, each === kind);
    for (const tab of tabs) tab.setAttribute("aria-pressed", String(tab.dataset.kind === kind));
    field.setAttribute("aria-label", label);
    field.placeholder = placeholder;
    if (field.value !== texts[kind]) field.value = texts[kind];
    attach.hidden = attached.element.hidden = kind === "note";
    setText(submit, word);
    fit();
  };

  /** @param {Kind} next */
  const turnTo = (next) => {
    kind = next;
    draw();
    keep();
    field.focus();
  };

  /** Load the stored texts and files, which another tab may have changed. This tab's choice of reply or note does not change. */
  const takeDraft = () => {
    const draft = outbox.draft(conversationId);
    for (const each of KINDS) texts[each] = draft[each];
    ({ seenMessageId } = draft);
    attached.show(draft.files);
    draw();
  };

  const keep = () => {
    const files = attached.kept;
    outbox.keepDraft(conversationId, { kind, ...texts, files, ...(seenMessageId && { seenMessageId }) });
  };

  /** Fit the field's height to the text, up to a limit. A text that is too long is marked as such and not truncated. */
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
      return kind === "note"
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

  /** Send the draft that is shown. The other one stays. @param {boolean} resolves */
  const send = (resolves) => {
    const body = wellFormed(field.value.trim());
    const isReply = kind === "reply";
    const files = isReply ? attached.all : [];
    if ((!body && !files.length) || submit.disabled) return;
    const more = isReply && seenMessageId && { seenMessageId };
    const mentions = isReply ? [] : mentionedIn(body, colleagues());
    outbox.send({ conversationId, kind, body, mentions, resolves: resolves && isReply, ...more }, files);
    texts[kind] = "";
    if (isReply) {
      seenMessageId = undefined;
      attached.clear();
    }
    typedAt = 0;
    draw();
    keep();
    onTyping();
    onSent();
  };

  /** Attach chosen, pasted or dropped files to the reply. @param {File[]} files */
  const attachFiles = (files) => {
    if (kind === "note" && files.length) showToast("Notes take no files. What you added waits in the reply.");
    seenMessageId ??= newest();
    return attached.add(files);
  };

  createAutocomplete(field, box, find);
  field.addEventListener("input", () => {
    texts[kind] = field.value;
    if (kind === "reply") seenMessageId = isBegun() ? (seenMessageId ?? newest()) : undefined;
    fit();
    keep();
    const now = Date.now();
    if (kind === "reply" && now - typedAt > TYPING_AGAIN) {
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
    attachFiles(files);
  });
  chooser.addEventListener("change", () => {
    attachFiles([...chooser.files]);
    chooser.value = "";
  });
  form.addEventListener("submit", (/** @type {Event} */ event) => {
    event.preventDefault();
    send(false);
  });

  const isBegun = () => Boolean(texts.reply.trim() || attached.all.length);

  ({ kind } = outbox.draft(conversationId));
  takeDraft();
  requestAnimationFrame(fit);

  return {
    form,
    turnTo,
    takeDraft,
    attachFiles,
    get isTyping() {
      return Date.now() - typedAt <= TYPING_AGAIN;
    },
    /**
     * Handle the loaded thread: a reply that was begun before counts as begun after its newest message. The draft is not stored,
     * because it has not changed, and another tab may just have sent it.
     */
    loaded() {
      if (isBegun()) seenMessageId ??= newest();
    },
    /**
     * Put a withdrawn message back into the draft, with the files that waited for it.
     * @param {Sent | null} sent @param {KeptFile[]} files
     */
    takeUp(sent, files) {
      const of = sent?.kind === "note" ? "note" : "reply";
      if (sent) texts[of] = [sent.body, texts[of]].filter(Boolean).join("\n\n");
      if (of === "reply") seenMessageId = newest();
      attached.putBack(files);
      turnTo(of);
    },
  };
}

/**
 * Return the ids of the people whose names follow an "@" in the text, whether suggested or typed. Of several matching names, the
 * longest counts.
 * @param {string} body @param {Person[]} people
 */
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
