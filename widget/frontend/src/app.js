import { createLock } from "./locks.js";
import { createOutbox } from "./outbox.js";
import { ring } from "./sound.js";
import { openStore } from "./storage.js";
import { createTexts } from "./texts.js";
import { createThread } from "./thread.js";
import { timeline } from "./timeline.js";
import { createView } from "./view.js";

/**
 * Brings together what is remembered, what is on its way, what the server says, and what is seen.
 *
 * @typedef {import("./api.js").Message} Message
 * @typedef {import("./outbox.js").Entry} Entry
 * @typedef {import("./api.js").Identity} Identity
 */

/**
 * @param {object} outside
 * @param {string} outside.origin
 * @param {string} outside.widgetId
 * @param {boolean} outside.opens whether it opens by itself
 * @param {import("./api.js").Api} outside.api
 * @param {import("./api.js").Config} outside.config
 * @param {(name: import("./page.js").EventName, detail?: any) => void} outside.emit
 * @returns {import("./page.js").Commands}
 */
export function createApp({ origin, widgetId, opens, api, config, emit }) {
  const texts = createTexts(config);
  const { say } = texts;
  const store = openStore(widgetId, () => update());
  /** Accepted, and not in the thread yet. @type {Map<string, Entry>} */
  const sent = new Map();
  /** @type {Identity | undefined} */
  let identity;
  let isOpen = false;
  let isTyping = false;
  let isDue = false;
  let unread = 0;
  let saidSeenId = "";
  /** @type {HTMLElement | undefined} */
  let room;

  const outbox = createOutbox({
    store,
    lock: createLock(`praxtalk:${widgetId}`),
    send: ({ clientId, body, form }, token) =>
      token ? api.send(token, body, clientId) : api.start({ ...form, message: body, clientId }),
    onSignedOut: () => signOut(),
    onChange(entry) {
      if (entry) sent.set(entry.clientId, entry);
      update();
      if (entry) thread.wake();
    },
  });

  const thread = createThread({
    origin,
    widgetId,
    api,
    onChange(fresh) {
      const clientIds = new Set(thread.get().messages.map((one) => one.clientId));
      for (const clientId of sent.keys()) if (clientIds.has(clientId)) sent.delete(clientId);
      outbox.settle(clientIds);
      for (const { _id, role, body } of fresh) emit("message", { id: _id, role, body });
      const others = fresh.filter((one) => one.role !== "visitor");
      if (others.length) announce(others[others.length - 1]);
      update();
    },
    onSignedOut(token) {
      if (store.read().token === token) store.write({ token: undefined });
      signOut();
    },
  });

  const view = createView(config, texts, {
    toggle: () => toggle(),
    close: () => close(),
    submit: (form, message) => start(form, message),
    send: (body) => {
      setTyping(false);
      outbox.add({ clientId: newId(), body, at: Date.now() });
      update();
    },
    typing: (is) => setTyping(is),
    retry: (key) => {
      outbox.retry(key);
      update();
    },
    older: () => thread.loadOlder(),
    bottom: () => update(),
  });
  const { form, log, composer, chat, panel, bubble } = view;

  /** @param {Message} message */
  const announce = ({ _id }) => {
    if ((!document.hidden && document.hasFocus()) || store.read().rungId === _id) return;
    store.write({ rungId: _id }); // before it sounds: the other tabs have the same message
    ring();
  };

  const signOut = () => {
    sent.clear();
    identity = undefined;
    update();
    form.warn(say("signedOut"));
  };

  /** @param {boolean} is */
  const setTyping = (is) => {
    if (is || isTyping) thread.look({ typing: is });
    isTyping = is;
  };

  /** @param {import("./api.js").Form} given @param {string} message */
  const start = (given, message) => {
    composer.text("");
    outbox.add({
      clientId: newId(),
      body: message,
      at: Date.now(),
      form: { ...given, page: location.href, locale: navigator.language, ...(identity && { identity }) },
    });
    store.write({ open: true });
    update();
  };

  /** What could not be sent goes back to the form, with the reason. @param {Entry[]} entries */
  const giveBack = (entries) => {
    const begun = entries.find((entry) => entry.form);
    const { name, email, phone } = /** @type {any} */ (begun?.form ?? store.read().visitor ?? {});
    const kept = [form.read().message, ...entries.map((one) => one.body), composer.text("")];
    form.fill({ name, email, phone, message: [...new Set(kept)].filter(Boolean).join("\n\n") });
    if (!begun?.failed) return;
    const { fields, code } = begun.failed;
    if (code === "identity_wrong") identity = undefined;
    if (fields) form.showErrors(fields);
    else form.warn(say(code === "origin_not_allowed" ? "refused" : "failed"));
  };

  const update = () => {
    if (!isDue) queueMicrotask(draw);
    isDue = true;
  };

  const draw = () => {
    isDue = false;
    const { token, outbox: entries } = store.read();
    thread.start(token);
    const { value, messages, hasMore } = thread.get();
    const isChat = Boolean(token) || entries.some((entry) => entry.form && !entry.failed);
    const hadFocus = room?.contains(view.root.activeElement);
    const before = room;
    room = isChat ? chat : form.room;
    form.setKnown(Boolean(identity));
    panel.draw(room, trouble(isChat), value ?? config);
    if (room !== before) {
      if (isChat) form.fill({ message: "" });
      else if (before || entries.length) giveBack(entries);
      if (isOpen && hadFocus) focus();
    }
    if (isChat)
      log.draw({
        items: timeline(messages, [...sent.values(), ...entries], value?.seenId ?? null),
        greeting: config.greeting,
        typing: value?.typing ?? [],
        hasMore,
        isClosed: value?.status === "closed",
      });
    look(messages);
    count();
  };

  /** @param {boolean} isChat */
  const trouble = (isChat) => {
    if (!isChat) return "";
    const { seconds, isStuck } = outbox.trouble();
    if (seconds) {
      setTimeout(update, 1000);
      return say("tooMany", { seconds });
    }
    const { value, isReached } = thread.get();
    if (!navigator.onLine) return say("offline");
    if (isStuck) return say("failed");
    return isReached && (value || !store.read().token) ? "" : say("connecting");
  };

  /** Says what has been seen: only of an open panel on a visible page, at the end of the thread. @param {Message[]} messages */
  const look = (messages) => {
    const newest = messages.filter(({ role }) => role !== "visitor").pop();
    if (!newest || !isOpen || document.hidden || !log.isAtBottom()) return;
    const { value, isLive } = thread.get();
    if (store.read().seenId !== newest._id) store.write({ seenId: newest._id });
    if (!isLive || saidSeenId === newest._id || value?.readId === newest._id) return;
    saidSeenId = newest._id;
    thread.look({ typing: isTyping, seenId: newest._id });
  };

  const count = () => {
    const { value, messages } = thread.get();
    const { seenId } = store.read();
    const after = messages.findIndex((one) => one._id === seenId) + 1;
    const own = after ? messages.slice(after).filter((one) => one.role !== "visitor").length : Infinity;
    const next = Math.min(value?.unread ?? 0, own);
    if (next !== unread) emit("unread", next);
    unread = next;
    bubble.draw(isOpen, unread);
  };

  const focus = () => {
    if (panel.isPhone())
      panel.panel.focus(); // not a field: its keyboard would cover the half of the panel
    else if (room === chat) composer.focus();
    else form.focus();
  };

  /** @param {boolean} [isQuiet] the visitor has not asked: the focus stays where it is */
  const open = (isQuiet) => {
    if (isOpen) return;
    isOpen = true;
    view.host.hidden = false;
    panel.show(true);
    draw();
    log.toBottom();
    update();
    if (!isQuiet) {
      focus();
      store.write({ open: true });
    }
    emit("open");
  };

  const close = () => {
    if (!isOpen) return;
    const hadFocus = panel.panel.contains(view.root.activeElement);
    isOpen = false;
    panel.show(false);
    draw();
    if (hadFocus) bubble.button.focus();
    store.write({ open: false });
    emit("close");
  };

  const toggle = () => (isOpen ? close() : open());

  const reset = () => {
    identity = undefined;
    saidSeenId = "";
    sent.clear();
    store.forget();
    form.fill({ name: "", email: "", phone: "", message: "" });
    form.warn("");
    composer.text("");
    close();
    update();
  };

  /** @param {Identity} given */
  const identify = async (given) => {
    const before = store.read();
    const known = { ...given, id: String(given?.id) };
    if (before.token && before.identity === known.id) return;
    if (before.identity && before.identity !== known.id) reset(); // somebody else sits here now
    identity = known;
    try {
      const { token, visitor } = await api.identify(known);
      if (identity === known && token) store.write({ token, visitor, identity: known.id });
    } catch (error) {
      const { status } = /** @type {import("./api.js").Refusal} */ (error);
      if (identity === known && status) identity = undefined;
      console.warn("PraxTalk:", error);
    }
    update();
  };

  /** By the link of an e-mail, whose code is good on any device. @param {string} code */
  const comeBack = async (code) => {
    try {
      const { token, visitor } = await api.comeBack(code);
      store.write({ token, visitor, identity: undefined }, true);
      history.replaceState(history.state, "", location.pathname + location.search);
    } catch {
      form.warn(say("signedOut"));
    }
    open();
  };

  const wake = () => {
    outbox.wake();
    thread.wake();
    update();
  };
  for (const type of ["online", "offline", "pageshow"]) addEventListener(type, wake);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) setTyping(false);
    else wake(); // a page that is being left is hidden last of all: it must not take the lock once more
  });

  draw();
  outbox.wake();
  const [, code] = location.hash.split("#praxtalk=");
  if (code) comeBack(code);
  else if (opens || (store.read().open && !panel.isPhone())) open(true);

  return {
    open: () => open(),
    close,
    toggle,
    show: () => {
      view.host.hidden = false;
    },
    hide: () => {
      close();
      view.host.hidden = true;
    },
    prefill(values) {
      form.fill(values);
      composer.text(values.message);
    },
    identify,
    reset,
  };
}

/** A UUID: `crypto.randomUUID` is missing on pages that came without https. */
const newId = () =>
  "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (digit) =>
    (Number(digit) ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (Number(digit) / 4)))).toString(16),
  );
