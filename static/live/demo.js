// The live inbox of a workspace: open conversations, one thread, replies. Text that strangers wrote is shown as text only.
import { connect } from "./client.js";
import { Thread } from "./demo_thread.js";

const TOKEN = "praxtalk.operatorToken"; // its key in sessionStorage
const STATES = { connecting: "Connecting …", live: "Live", offline: "Offline" };

/** @param {string} selector @returns {any} */
const find = (selector) => document.querySelector(selector);

const [stateLine, signOut, signIn, inbox] = [".state", ".sign-out", ".sign-in", ".inbox"].map(find);
const [list, count, empty, listError] = [".list ul", ".count", ".list .empty", ".list .error"].map(find);
/** @type {Map<string, HTMLAnchorElement>} by conversation */
const links = new Map();
/** @type {ReturnType<typeof connect> | undefined} */
let client;
/** @type {Thread | undefined} */
let thread;

/** @param {string} token */
function enter(token) {
  sessionStorage.setItem(TOKEN, token);
  signIn.hidden = true;
  for (const part of [stateLine, signOut, inbox]) part.hidden = false;
  client = connect(location.origin, {
    onState(state) {
      stateLine.textContent = STATES[state];
      stateLine.dataset.state = state;
    },
    getToken(refused) {
      if (!refused) return token;
      leave(refused);
      return null;
    },
  });
  client.watch("conversations:listInbox", { status: "open" }, showList, (error) => {
    listError.textContent = error.message;
  });
  openThread();
}

/** @param {string} [reason] */
function leave(reason = "") {
  sessionStorage.removeItem(TOKEN);
  thread?.close();
  client?.close();
  client = thread = undefined;
  links.clear();
  list.replaceChildren();
  for (const part of [stateLine, signOut, inbox]) part.hidden = true;
  signIn.hidden = false;
  signIn.querySelector(".error").textContent = reason;
  find("#token").focus();
}

/** @param {any[]} rows */
function showList(rows) {
  const focused = document.activeElement;
  listError.textContent = "";
  count.textContent = rows.length;
  empty.hidden = rows.length > 0;
  const items = rows.map(itemOf);
  items.forEach((item, index) => {
    if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
  });
  while (list.children.length > items.length) list.lastChild.remove();
  if (focused !== document.activeElement && focused instanceof HTMLElement) focused.focus({ preventScroll: true });
  markCurrent();
}

/** @param {any} row @returns {HTMLElement} */
function itemOf({ _id, visitor, preview, lastMessageAt }) {
  const link = links.get(_id) ?? newLink(_id);
  const [name, time, text] = link.children;
  name.textContent = visitor.name;
  text.textContent = preview;
  const date = new Date(lastMessageAt);
  time.setAttribute("datetime", date.toISOString());
  time.textContent = date.toLocaleTimeString([], { timeStyle: "short" });
  if (date.toDateString() !== new Date().toDateString()) time.textContent = date.toLocaleDateString();
  return /** @type {HTMLElement} */ (link.parentElement);
}

/** @param {string} id */
function newLink(id) {
  const link = document.createElement("a");
  link.href = `#${id}`;
  link.append(...["b", "time", "span"].map((tag) => document.createElement(tag)));
  document.createElement("li").append(link);
  links.set(id, link);
  return link;
}

function markCurrent() {
  for (const [id, link] of links) link.ariaCurrent = id === thread?.id ? "true" : null;
}

/** The conversation that the address names. */
function openThread() {
  const id = location.hash.slice(1);
  if (!client || id === (thread?.id ?? "")) return;
  thread?.close();
  thread = id ? new Thread(client, id) : undefined;
  inbox.classList.toggle("reading", Boolean(id));
  markCurrent();
  if (thread) thread.focus();
  else list.querySelector("a")?.focus();
}

signIn.addEventListener("submit", (/** @type {SubmitEvent} */ event) => {
  event.preventDefault();
  const field = find("#token");
  enter(field.value.trim());
  field.value = "";
});
signOut.addEventListener("click", () => leave());
addEventListener("hashchange", openThread);
const kept = sessionStorage.getItem(TOKEN);
if (kept) enter(kept);
