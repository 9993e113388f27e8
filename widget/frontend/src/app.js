import { newId } from "./ids.js";
import { createLazyLoader, ignore } from "./lazy-loader.js";
import { createLock } from "./locks.js";
import { createOutbox } from "./outbox.js";
import { createReadReceipts } from "./read-receipts.js";
import { createStore } from "./storage.js";
import { createTexts } from "./texts.js";
import { createThread } from "./thread.js";
import { timeline } from "./timeline.js";
import { createView } from "./view.js";
import { createIdentity } from "./visitor-identity.js";

/**
 * Connect the storage, the outbox, the thread from the server, and the view.
 *
 * @typedef {import("./outbox.js").Entry} Entry
 */

const MAX_RENEWALS = 3;

/**
 * @param {object} options
 * @param {string} options.origin
 * @param {string} options.widgetId
 * @param {boolean} options.opens whether the widget opens automatically
 * @param {import("./api.js").Api} options.api
 * @param {import("./api.js").Config} options.config
 * @param {(name: import("./page.js").EventName, detail?: any) => void} options.emit
 * @returns {import("./page.js").Commands}
 */
export function createApp({ origin, widgetId, opens, api, config, emit }) {
  const texts = createTexts(config);
  const { t } = texts;
  const store = createStore(widgetId, update);
  const lock = createLock(`praxtalk:${widgetId}`);
  const identity = createIdentity({ store, api, lock, onChange: () => wake(), onOther: leave });
  /**
   * The part of the store that belongs to this page. It leaves out the entries of other people, and the thread if another tab
   * has identified a different person.
   */
  const own = {
    ...store,
    read() {
      const memory = store.read();
      const outbox = memory.outbox.filter((one) => one.ownerId === identity.owner());
      return identity.isOther() ? { outbox } : { ...memory, outbox };
    },
  };
  /** Entries that the server has accepted, but the thread does not contain yet. @type {Map<string, Entry>} */
  const sent = new Map();
  let isOpen = false;
  let isTyping = false;
  let isDrawScheduled = false;
  let unread = 0;
  let isServerReachable = true;
  let renewals = 0;
  /** @type {HTMLElement | undefined} */
  let shown;

  const outbox = createOutbox({
    store: own,
    lock,
    async send(entry, token) {
      const { clientId, body, form, file } = entry;
      if (!token) return api.start({ ...form, message: body, clientId });
      return file ? (await lazy.parts()).send(entry, token) : api.send(token, body, clientId);
    },
    onSignedOut: signOut,
    onChange(entry) {
      if (entry) sent.set(entry.clientId, entry);
      update();
      if (!entry) return;
      thread.wake();
      identity.attach(); // the entry may have been written before the page identified the person
    },
  });

  const thread = createThread({
    origin,
    widgetId,
    api,
    onChange(fresh) {
      const clientIds = new Set(thread.get().messages.map((one) => one.clientId));
      for (const clientId of sent.keys()) if (clientIds.has(clientId)) sent.delete(clientId);
      outbox.removeDelivered(clientIds);
      const wasServerReachable = isServerReachable;
      isServerReachable = thread.get().isServerReachable;
      if (isServerReachable && !wasServerReachable) outbox.wake();
      for (const { _id, role, body } of fresh) emit("message", { id: _id, role, body });
      readReceipts.announce(fresh);
      update();
    },
    onSignedOut: signOut,
  });

  const readReceipts = createReadReceipts({ store: own, thread, ring: (id) => lazy.ring(id) });

  /** @param {string} body @param {Partial<Entry>} [more] */
  const add = (body, more) => {
    if (identity.isOther()) store.clear(); // this page's thread replaces the one of the other tab
    outbox.add({ clientId: newId(), body, at: Date.now(), ownerId: identity.owner(), ...more });
    update();
  };

  const view = createView(config, texts, {
    toggle,
    close,
    submit(form, message) {
      const { href } = location;
      const proof = identity.proof();
      composer.text("");
      add(message, { form: { ...form, page: href, locale: navigator.language, ...(proof && { identity: proof }) } });
      store.write({ open: true });
    },
    send(body) {
      setTyping(false);
      add(body);
    },
    typing: setTyping,
    retry(key) {
      outbox.retry(key);
      update();
    },
    remove(key) {
      outbox.drop([key]);
      lazy.parts().then((all) => all.discard(key), ignore);
      update();
    },
    older: () => thread.loadOlder(),
    file: (place, file, key) => lazy.parts().then((all) => all.show(place, file, key), ignore),
    bottom: update,
  });
  const { form, log, composer, chat, dialog, launcher } = view;

  const lazy = createLazyLoader(origin, () => ({
    widgetId,
    call: api.call,
    token: () => own.read().token,
    t,
    locale: config.locale,
    root: view.root,
    chat,
    composer: composer.box,
    add,
    store,
    attach: identity.attach,
  }));

  /** Handle a token that the server rejected. An identified person gets a new one. @param {string} token */
  function signOut(token) {
    update();
    if (own.read().token !== token) return; // it has been replaced since
    store.write({ token: undefined, identity: undefined });
    sent.clear();
    form.warn(t("signedOut"));
    if (renewals++ < MAX_RENEWALS) identity.attach();
  }

  /** @param {boolean} is */
  function setTyping(is) {
    if (is || isTyping) thread.report({ typing: is });
    isTyping = is;
  }

  /** Put entries that could not be sent back into the form, with the reason. @param {Entry[]} entries */
  const restoreToForm = (entries) => {
    const begun = entries.find((entry) => entry.form);
    const { name, email, phone } = /** @type {any} */ (begun?.form ?? own.read().visitor ?? {});
    const bodies = entries.filter(({ file }) => !file).map(({ body }) => body);
    const kept = [form.read().message, ...bodies, composer.text("")];
    form.fill({ name, email, phone, message: [...new Set(kept)].filter(Boolean).join("\n\n") });
    if (!begun?.failed) return;
    const { fields, code } = begun.failed;
    if (code === "identity_wrong") {
      identity.clear();
      form.setKnown();
    }
    form.showErrors(fields);
    form.warn(t(code === "origin_not_allowed" ? "refused" : "again"));
  };

  function update() {
    if (!isDrawScheduled) queueMicrotask(draw);
    isDrawScheduled = true;
  }

  const draw = () => {
    isDrawScheduled = false;
    const { token, outbox: entries } = own.read();
    thread.start(token);
    const { value, messages, hasMore } = thread.get();
    const isChat = Boolean(token) || entries.some((entry) => entry.form && !entry.failed);
    const hadFocus = shown?.contains(view.root.activeElement);
    const before = shown;
    shown = isChat ? chat : form.element;
    form.setKnown(identity.proof());
    dialog.draw(shown, problem(isChat), value ?? config);
    if (shown !== before) {
      if (isChat) form.fill({ message: "" });
      else if (before || entries.length) restoreToForm(entries);
      if (isOpen && hadFocus) focus();
    }
    if (isChat && isOpen) lazy.parts().then((all) => all.draw(value), ignore);
    log.draw({
      items: timeline(messages, isChat ? [...sent.values(), ...entries] : [], value?.seenId ?? null),
      greeting: config.greeting,
      typing: value?.typing ?? [],
      hasMore,
      isClosed: value?.status === "closed",
    });
    if (isOpen && !document.hidden && log.isAtBottom()) readReceipts.markSeen(isTyping);
    const next = readReceipts.unread();
    if (next !== unread) emit("unread", next);
    unread = next;
    launcher.draw(isOpen, unread);
  };

  /** @param {boolean} isChat */
  const problem = (isChat) => {
    const storageWarning = store.isDenied() ? t("notKept") : "";
    if (!isChat) return storageWarning;
    const { seconds, isStuck } = outbox.problem();
    if (seconds > 0) {
      setTimeout(update, 1000);
      return t("tooMany", { seconds });
    }
    if (!navigator.onLine) return t("offline");
    if (isStuck) return t("failed");
    return isServerReachable && (thread.get().value || !own.read().token) ? storageWarning : t("connecting");
  };

  const focus = () => {
    if (dialog.isPhone())
      dialog.element.focus(); // not a field: the on-screen keyboard would cover half of the dialog
    else if (shown === chat) composer.focus();
    else form.focus();
  };

  /** @param {boolean} [isQuiet] the visitor did not ask for it, so the focus does not move */
  const open = (isQuiet) => {
    if (isOpen) return;
    isOpen = true;
    view.host.hidden = false;
    dialog.show(true);
    draw();
    log.toBottom();
    update();
    if (!isQuiet) {
      focus();
      store.write({ open: true });
    }
    emit("open");
  };

  function close() {
    if (!isOpen) return;
    const hadFocus = dialog.element.contains(view.root.activeElement);
    isOpen = false;
    dialog.show(false);
    draw();
    if (hadFocus) launcher.button.focus();
    store.write({ open: false });
    emit("close");
  }

  function toggle() {
    if (isOpen) close();
    else open();
  }

  function reset() {
    store.clear(true);
    identity.clear();
    clearFiles().catch(ignore);
    leave();
  }

  /** Clear everything of the current person, because a different one uses the page now. */
  function leave() {
    sent.clear();
    store.clear();
    form.element.reset();
    form.warn("");
    composer.text("");
    close();
    update();
  }

  const wake = () => {
    outbox.wake();
    thread.wake();
    update();
  };
  for (const type of ["online", "offline", "pageshow"]) addEventListener(type, wake);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) setTyping(false);
    else wake(); // not when hidden: a page that is being left becomes hidden last, and must not take the lock again
  });

  draw();
  outbox.wake();
  const [, code] = location.hash.split("#praxtalk=");
  if (code)
    lazy
      .parts()
      .then((all) => all.redeemMagicLink(code))
      .then((isValid) => isValid || form.warn(t("signedOut")), ignore)
      .then(() => open());
  else if (opens || (own.read().open && !dialog.isPhone())) open(true);

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
      form.fill({ ...values });
      composer.text(values?.message);
    },
    identify: identity.identify,
    reset,
  };
}

/** Delete the files that wait to be sent. In a sandboxed frame, access to `caches` throws. */
const clearFiles = async () => caches.delete("praxtalk");
