/** The dialogs: assignee, snooze, tags, lead, shortcuts, preferences. They share one element and work with the keyboard. */

import { byId, h, isComposing, isolated, reasonOf, sendable } from "./dom.js";
import { urls } from "./urls.js";

/**
 * @import { LiveError } from "../../live/client.js"
 * @import { Named, NewLead, PersonDetails, Preferences } from "./types.d.ts"
 * @import { Child } from "./dom.js"
 */

const HOUR = 3600_000;
const dialog = /** @type {HTMLDialogElement} */ (byId("dialog"));

/** Close the dialog. Where no focus is restored, browsers leave it in the dialog until they render, and the next key would be lost. */
const closeDialog = () => {
  dialog.close();
  const { activeElement } = document;
  if (activeElement instanceof HTMLElement && dialog.contains(activeElement)) activeElement.blur();
};

/**
 * Show the dialog with this content.
 * @param {Child} title
 * @param {(Node | string)[]} content
 * @param {HTMLElement} [first] gets the focus
 * @param {string} [closeLabel] the label of the button that closes the dialog
 */
const openDialog = (title, content, first, closeLabel = "Cancel") => {
  const heading = h("h2", { id: "dialog-title" }, title);
  const close = h("button", { type: "button", class: "button small", click: closeDialog }, closeLabel);
  dialog.setAttribute("aria-labelledby", "dialog-title");
  dialog.onkeydown = (event) => {
    if (isComposing(event) && event.key === "Enter") event.preventDefault(); // the form would be submitted
    if (isComposing(event) || event.key !== "Escape") return;
    event.preventDefault(); // close synchronously: the browser would process the next key before closing the dialog
    closeDialog();
  };
  dialog.replaceChildren(heading, ...content, close);
  if (!dialog.open) dialog.showModal();
  first?.focus();
};

/** The reason for which a form is shown again, with elements such as a link. */
class Refusal extends Error {
  /** @param {(Node | string)[]} content */
  constructor(content) {
    super();
    this.content = content;
  }
}

/**
 * Show a form in the dialog. It closes on submit without waiting for the server, so that the next key works at once. If the
 * server rejects the form, the dialog opens again with the reason and everything that was entered.
 * @param {string} title
 * @param {HTMLElement[]} fields
 * @param {string} label the label of its button
 * @param {(form: HTMLFormElement) => Promise<unknown>} onSubmit rejects with the reason
 */
const askForm = (title, fields, label, onSubmit) => {
  const rejection = h("p", { class: "refused", role: "alert" });
  const form = h("form", {}, fields, rejection, h("button", { class: "button primary" }, label));
  const show = () => openDialog(title, [form], /** @type {HTMLElement} */ (form.elements[0]));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    closeDialog();
    try {
      await onSubmit(form);
    } catch (error) {
      rejection.replaceChildren(...(error instanceof Refusal ? error.content : [reasonOf(error)]));
      if (dialog.open) dialog.addEventListener("close", show, { once: true });
      else show();
    }
  });
  show();
};

/**
 * Show a list of choices, which works with the pointer, the arrow keys, or the first letter of a choice.
 * @param {string} title
 * @param {{label: string, onChoice: () => void}[]} choices
 */
export const choose = (title, choices) => {
  const list = h("div", { class: "choices", role: "group" });
  const buttons = choices.map(({ label, onChoice }) =>
    h(
      "button",
      {
        type: "button",
        click: () => {
          closeDialog();
          onChoice();
        },
      },
      label,
    ),
  );
  list.append(...buttons);
  list.addEventListener("keydown", (event) => {
    const index = buttons.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) buttons[(index + step + buttons.length) % buttons.length]?.focus();
    else if (/^\S$/u.test(event.key) && !event.ctrlKey && !event.metaKey)
      buttons.find((button) => button.textContent?.toLowerCase().startsWith(event.key.toLowerCase()))?.focus();
    else return;
    event.preventDefault();
  });
  openDialog(title, [list], buttons[0]);
};

/**
 * Ask for confirmation, before an action that others notice or that cannot be undone.
 * @param {Child} question @param {string} label @param {() => void} onConfirm
 */
export const confirm = (question, label, onConfirm) => {
  const click = () => {
    closeDialog();
    onConfirm();
  };
  const button = h("button", { type: "button", class: "button primary", click }, label);
  openDialog(question, [button, " "], button);
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

/** @param {(until: number | null) => void} onChoice null: until the next message */
export const askSnooze = (onChoice) => {
  const field = h("input", { type: "datetime-local", "aria-label": "Another time", required: true });
  const pick = h("form", { class: "pick" }, field, h("button", { class: "button primary" }, "Snooze until then"));
  field.addEventListener("input", () => field.setCustomValidity(""));
  pick.addEventListener("submit", (event) => {
    event.preventDefault();
    const until = new Date(field.value).getTime();
    if (!(until > Date.now())) {
      field.setCustomValidity("Choose a time in the future.");
      field.reportValidity();
      return;
    }
    closeDialog();
    onChoice(until);
  });
  choose("Snooze", [
    ...snoozeTimes().map(({ label, until }) => ({ label, onChoice: () => onChoice(until) })),
    { label: "Until the next message", onChoice: () => onChoice(null) },
  ]);
  dialog.querySelector(".choices")?.after(pick);
};

/**
 * @param {Named[]} tags all tags
 * @param {Set<string>} current ids of the conversation's tags
 * @param {(ids: string[], name: string) => Promise<unknown>} onSubmit name: the name of a new tag, or ""
 */
export const askTags = (tags, current, onSubmit) => {
  const boxes = tags.map(({ _id, name }) =>
    h("label", {}, h("input", { type: "checkbox", value: _id, checked: current.has(_id) }), isolated(name)),
  );
  const field = h("input", { type: "text", maxlength: 40, "aria-label": "New tag", placeholder: "New tag" });
  askForm("Tags", [h("div", { class: "choices" }, boxes), field], "Save tags", (form) => {
    const ids = [...form.querySelectorAll("input:checked")].map((box) => /** @type {HTMLInputElement} */ (box).value);
    return onSubmit(ids, sendable(field.value));
  });
};

/**
 * Return the fields of a person, each with its label.
 * @param {PersonDetails} known
 */
const personFields = (known) => [
  h("label", {}, "Name", h("input", { name: "name", value: known.name, maxlength: 200, required: true })),
  h("label", {}, "E-mail", h("input", { name: "email", type: "email", value: known.email, maxlength: 254 })),
  h("label", {}, "Phone", h("input", { name: "phone", value: known.phone, maxlength: 40 })),
];

/** @param {HTMLFormElement} form @param {string[]} names @returns {any} the text of each field by its name */
const textsOf = (form, ...names) => {
  const data = new FormData(form);
  return Object.fromEntries(names.map((name) => [name, sendable(String(data.get(name) ?? ""))]));
};

/** @param {PersonDetails} known @param {(details: PersonDetails) => Promise<unknown>} onSubmit */
export const askVisitor = (known, onSubmit) =>
  askForm("Edit details", personFields(known), "Save", (form) => onSubmit(textsOf(form, "name", "email", "phone")));

/**
 * Ask for a new lead. If there is one with the same e-mail address already, say so once. The next press creates the lead.
 * @param {PersonDetails} known
 * @param {(lead: NewLead, unlessDuplicate: boolean) => Promise<unknown>} onSubmit
 */
export const askLead = (known, onSubmit) => {
  const notes = h("label", {}, "Notes", h("textarea", { name: "notes", maxlength: 10_000, rows: 3 }));
  let confirmed = ""; // the address that is known to be in use
  askForm("Create lead", [...personFields(known), notes], "Create lead", async (form) => {
    const lead = /** @type {NewLead} */ (textsOf(form, "name", "email", "phone", "notes"));
    const address = lead.email.toLowerCase();
    try {
      await onSubmit(lead, address !== confirmed);
    } catch (error) {
      const { duplicateOf } = /** @type {LiveError} */ (error).data ?? {};
      if (!duplicateOf) throw error;
      confirmed = address;
      throw new Refusal([
        "There is already a lead with this e-mail: ",
        h("a", { href: urls.lead(duplicateOf._id), target: "_blank" }, duplicateOf.name),
        ". Press the button again to create another one.",
      ]);
    }
  });
};

/** @param {string[][]} keys */
export const showKeys = (keys) => {
  const rows = keys.map(([key, action]) =>
    h("tr", {}, h("th", { scope: "row" }, h("kbd", {}, key)), h("td", {}, action)),
  );
  openDialog("Keys", [h("table", {}, h("tbody", {}, rows))], dialog, "Close");
};

/** @type {Record<keyof Preferences, string>} */
const PREFERENCES = {
  sound: "Play a sound for new messages, assignments, mentions and ended snoozes",
  desktop: "Desktop notifications: new messages, assignments, mentions, ended snoozes",
  shortcuts: "Single-key shortcuts, such as j and k",
  mentionMails: "Send me an e-mail about mentions and assignments that I have not seen",
  enterSends: "Enter sends; Shift+Enter begins a new line",
  assignOnReply: "Assign unassigned conversations to me when I reply",
  nextAfterResolving: "Open the next conversation after resolving one",
};

/** @param {Preferences} preferences @param {(changes: Partial<Preferences>) => Promise<unknown>} onSubmit */
export const askPreferences = (preferences, onSubmit) => {
  const names = /** @type {(keyof Preferences)[]} */ (Object.keys(PREFERENCES));
  const boxes = names.map((name) =>
    h("label", {}, h("input", { type: "checkbox", name, checked: preferences[name] }), PREFERENCES[name]),
  );
  askForm("Preferences", boxes, "Save", (form) =>
    onSubmit(Object.fromEntries([...form.querySelectorAll("input")].map(({ name, checked }) => [name, checked]))),
  );
};
