/** @import { connect } from "./client.js" */

/** @param {string} selector @returns {any} */
const find = (selector) => document.querySelector(selector);

const [empty, opened, title, note] = [".thread > .empty", ".opened", ".who h2", ".who .note"].map(find);
const [log, form, field, error] = [".log", ".reply", ".reply textarea", ".reply .error"].map(find);
/** @type {Map<string, string>} what is written and not sent, by conversation */
const drafts = new Map();

/** One conversation on the screen, until close(). */
export class Thread {
  /** @type {Set<string>} ids of the messages on the screen */
  #shown = new Set();
  #ended = new AbortController();

  /** @param {ReturnType<typeof connect>} client @param {string} id */
  constructor(client, id) {
    this.client = client;
    this.id = id;
    empty.hidden = true;
    opened.hidden = false;
    title.textContent = "…";
    note.textContent = error.textContent = "";
    log.replaceChildren();
    field.value = drafts.get(id) ?? "";
    const { signal } = this.#ended;
    form.addEventListener("submit", (/** @type {SubmitEvent} */ event) => this.#submit(event), { signal });
    field.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.#key(event), { signal });
    const show = (/** @type {any} */ conversation) => this.#show(conversation);
    this.stop = client.watch("conversations:get", { conversationId: id }, show, ({ message }) => {
      title.textContent = message;
    });
  }

  close() {
    this.stop();
    this.#ended.abort();
    drafts.set(this.id, field.value);
    opened.hidden = true;
    empty.hidden = false;
  }

  focus() {
    title.focus();
  }

  /** @param {any} conversation */
  #show({ visitor, brand, status, messages }) {
    title.textContent = visitor.name;
    note.textContent = [brand.name, status, visitor.email].filter(Boolean).join(" · ");
    const wasAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    const pending = log.querySelector(".pending");
    for (const message of messages) {
      if (this.#shown.has(message._id)) continue;
      log.insertBefore(bubble(message), pending);
      this.#shown.add(message._id);
    }
    if (wasAtEnd) log.scrollTop = log.scrollHeight;
  }

  /** @param {SubmitEvent} event */
  async #submit(event) {
    event.preventDefault();
    const body = field.value.trim();
    if (!body) return;
    field.value = error.textContent = "";
    const pending = bubble({ role: "operator", body });
    pending.classList.add("pending");
    log.append(pending);
    log.scrollTop = log.scrollHeight;
    try {
      await this.client.mutate("messages:send", { conversationId: this.id, body });
    } catch (reason) {
      if (this.#ended.signal.aborted) drafts.set(this.id, body);
      else {
        field.value = [body, field.value].filter(Boolean).join("\n");
        error.textContent = `Not sent. ${/** @type {Error} */ (reason).message}`;
      }
    }
    pending.remove();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  }
}

/** @param {any} message without createdAt: it is on its way */
function bubble({ role, body, author, createdAt }) {
  const made = document.createElement("article");
  const [text, line] = ["p", "footer"].map((tag) => document.createElement(tag));
  made.className = `message ${role}`;
  text.textContent = body;
  const time = createdAt
    ? new Date(createdAt).toLocaleString([], { dateStyle: "short", timeStyle: "short" })
    : "Sending …";
  const writer = role === "visitor" ? "Visitor" : author?.name;
  line.textContent = [writer, time].filter(Boolean).join(", ");
  made.append(text, line);
  return made;
}
