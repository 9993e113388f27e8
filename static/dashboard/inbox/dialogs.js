/** The dialogs: assignee, snooze, tags, lead, shortcuts, preferences. They share one element and work with the keyboard. */

import { byId, h, reasonOf, setText } from "./dom.js";

const HOUR = 3600_000;

/** @param {string} title @param {any[]} content @param {any} [first] gets the focus @param {string} [leave] label to close it */
const ask = (title, content, first, leave = "Cancel") => {
  const dialog = byId("dialog");
  const heading = h("h2", { id: "dialog-title" }, title);
  const close = h("button", { type: "button", class: "plain", onclick: () => dialog.close() }, leave);
  dialog.setAttribute("aria-labelledby", "dialog-title");
  dialog.onkeydown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape") return;
    event.preventDefault(); // close synchronously: the browser would process the next key before closing the dialog
    dialog.close();
  };
  dialog.replaceChildren(heading, ...content, close);
  if (!dialog.open) dialog.showModal();
  first?.focus();
};

const closeDialog = () => byId("dialog").close();

/**
 * Show a form in the dialog. It closes on submit without waiting for the server, so that the next key works at once. If the
 * server rejects the form, the dialog opens again with the reason and everything that was entered.
 * @param {string} title
 * @param {any[]} fields
 * @param {string} label the label of its button
 * @param {(form: HTMLFormElement) => Promise<any>} take handles the form; rejects with the reason
 */
const askForm = (title, fields, label, take) => {
  const dialog = byId("dialog");
  const refused = h("p", { class: "refused", role: "alert" });
  const form = h("form", {}, fields, refused, h("button", { class: "button" }, label));
  const show = () => ask(title, [form], form.elements[0]);
  form.addEventListener("submit", async (/** @type {Event} */ event) => {
    event.preventDefault();
    closeDialog();
    try {
      await take(form);
    } catch (error) {
      setText(refused, reasonOf(error));
      if (dialog.open) dialog.addEventListener("close", show, { once: true });
      else show();
    }
  });
  show();
};

/**
 * Show a list of choices, which works with the pointer, the arrow keys, or the first letter of a choice.
 * @param {string} title
 * @param {{label: string, take: () => void}[]} choices
 */
export const choose = (title, choices) => {
  const list = h("div", { class: "choices", role: "group" });
  const buttons = choices.map(({ label, take }) =>
    h(
      "button",
      {
        type: "button",
        onclick: () => {
          closeDialog();
          take();
        },
      },
      label,
    ),
  );
  list.append(...buttons);
  list.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const place = buttons.indexOf(/** @type {any} */ (document.activeElement));
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) buttons[(place + step + buttons.length) % buttons.length]?.focus();
    else if (/^\S$/u.test(event.key) && !event.ctrlKey && !event.metaKey)
      buttons.find((button) => button.textContent.toLowerCase().startsWith(event.key.toLowerCase()))?.focus();
    else return;
    event.preventDefault();
  });
  ask(title, [list], buttons[0]);
};

/**
 * Ask for confirmation, before an action that others notice or that cannot be undone.
 * @param {string} question @param {string} label @param {() => void} take
 */
export const confirm = (question, label, take) => {
  const onclick = () => {
    closeDialog();
    take();
  };
  const button = h("button", { type: "button", class: "button", onclick }, label);
  ask(question, [button, " "], button);
};

/** Return the suggested times to snooze until. */
const snoozeTimes = () => {
  const now = new Date();
  /** @param {number} days @param {number} hour */
  const at = (days, hour) => {
    const then = new Date(now);
    then.setDate(then.getDate() + days);
    then.setHours(hour, 0, 0, 0);
    return then.getTime();
  };
  const toMonday = (8 - now.getDay()) % 7 || 7;
  const later = now.getTime() + 3 * HOUR;
  return [
    { label: "Later today (3 hours)", until: later },
    { label: "Tomorrow, 9:00", until: at(1, 9) },
    { label: "Next week, Monday 9:00", until: at(toMonday, 9) },
  ];
};

/** @param {(until: number | null) => void} take */
export const askSnooze = (take) => {
  const field = h("input", { type: "datetime-local", "aria-label": "Another time", required: true });
  const pick = h("form", { class: "pick" }, field, h("button", { class: "button" }, "Snooze until then"));
  field.addEventListener("input", () => field.setCustomValidity(""));
  pick.addEventListener("submit", (/** @type {Event} */ event) => {
    event.preventDefault();
    const until = new Date(field.value).getTime();
    if (!(until > Date.now())) {
      field.setCustomValidity("Choose a time that is to come.");
      field.reportValidity();
      return;
    }
    closeDialog();
    take(until);
  });
  choose("Snooze", [
    ...snoozeTimes().map(({ label, until }) => ({ label, take: () => take(until) })),
    { label: "Until somebody writes", take: () => take(null) },
  ]);
  byId("dialog").querySelector(".choices").after(pick);
};

/**
 * @param {import("./dom.js").Person[]} tags all tags
 * @param {Set<string>} had ids of the conversation's tags
 * @param {(ids: string[], name: string) => Promise<any>} take name: the name of a new tag, or ""
 */
export const askTags = (tags, had, take) => {
  const boxes = tags.map(({ _id, name }) =>
    h("label", {}, h("input", { type: "checkbox", value: _id, checked: had.has(_id) }), name),
  );
  const field = h("input", { type: "text", maxlength: 40, "aria-label": "New tag", placeholder: "New tag" });
  askForm("Tags", [h("div", { class: "choices" }, boxes), field], "Save tags", (form) => {
    const ids = [...form.querySelectorAll("input:checked")].map((box) => /** @type {HTMLInputElement} */ (box).value);
    return take(ids, field.value.trim());
  });
};

/** @param {{name: string, email: string, phone: string}} known @param {(lead: Record<string, string>) => Promise<any>} take */
export const askLead = (known, take) => {
  const fields = /** @type {const} */ (["name", "email", "phone", "notes"]).map((name) => {
    const properties = { name, maxlength: name === "notes" ? 10_000 : 200, required: name === "name" };
    const field =
      name === "notes"
        ? h("textarea", { ...properties, rows: 3 })
        : h("input", { ...properties, type: name === "email" ? "email" : "text" });
    if (name !== "notes") field.value = known[name] ?? "";
    return h("label", {}, name === "email" ? "E-mail" : name[0].toUpperCase() + name.slice(1), field);
  });
  askForm("Create lead", fields, "Create lead", (form) => {
    const said = [...new FormData(form)].filter(([, value]) => String(value).trim());
    return take(/** @type {any} */ (Object.fromEntries(said)));
  });
};

/** @param {string[][]} keys */
export const showKeys = (keys) => {
  const rows = keys.map(([key, does]) => h("tr", {}, h("th", { scope: "row" }, h("kbd", {}, key)), h("td", {}, does)));
  ask("Keys", [h("table", {}, h("tbody", {}, rows))], byId("dialog"), "Close");
};

/** @param {Record<string, boolean>} preferences @param {(changes: Record<string, boolean>) => Promise<any>} take */
export const askPreferences = (preferences, take) => {
  const words = {
    sound: "A sound when a visitor writes",
    desktop: "Desktop notifications: new messages, assignments, mentions, ended snoozes",
    shortcuts: "Single keys, like j and k",
    mentionMails: "An e-mail when a colleague mentions me or assigns me a conversation, and I do not look",
  };
  const boxes = Object.entries(words).map(([name, text]) =>
    h("label", {}, h("input", { type: "checkbox", name, checked: preferences[name] }), text),
  );
  askForm("Notifications and keys", boxes, "Save", (form) =>
    take(Object.fromEntries([...form.querySelectorAll("input")].map(({ name, checked }) => [name, checked]))),
  );
};
