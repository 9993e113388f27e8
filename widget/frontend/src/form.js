import { element, setAttribute, setText } from "../../../static/shared/dom.js";
import { sendable } from "../../../static/shared/text.js";

/**
 * The form that a visitor fills in once, to start a conversation.
 *
 * @typedef {{name: string, email: string, phone: string, message: string}} Values
 * @typedef {import("./api.js").Form} Form
 */

const EMAIL = /^\S+@\S+\.\S+$/;

/** The names of the fields, and their `autocomplete` attributes. */
const FIELDS = /** @type {const} */ ([["name", "name"], ["email", "email"], ["phone", "tel"], ["message"]]);

/**
 * @param {import("./api.js").Config} config
 * @param {import("./texts.js").Texts} texts
 * @param {(form: Form, message: string) => void} onSubmit
 */
export function createForm({ greeting, privacyUrl }, { t }, onSubmit) {
  const fields = FIELDS.map(([name, autocomplete]) => createField(name, t, autocomplete));
  const honeypot = element("input", { name: "website", tabindex: "-1", autocomplete: "off" });
  const alert = element("p", { class: "alert", role: "alert", hidden: true });
  let isKnown = false;

  /** @param {Record<string, string>} [errors] error codes by field name */
  const showErrors = (errors) => {
    for (const field of fields) field.showError(errors?.[field.name]);
  };

  /** Focus the first invalid field, or else the first empty one. */
  const focus = () =>
    (
      fields.find(({ input }) => input.hasAttribute("aria-invalid")) ??
      fields.find(({ name, row, input }) => name !== "phone" && !row.hidden && !input.value) ??
      fields[3]
    ).input.focus();

  /** @returns {Record<string, string>} */
  const check = () => {
    const errors = /** @type {Record<string, string>} */ ({});
    for (const { name, input, row } of fields) {
      const text = sendable(input.value);
      if (row.hidden || name === "phone") continue;
      if (!text) errors[name] = "required";
      else if (name === "email" && !EMAIL.test(text)) errors[name] = "invalid";
    }
    return errors;
  };

  /** @param {Event} event */
  const submit = (event) => {
    event.preventDefault();
    alert.hidden = true;
    const errors = check();
    showErrors(errors);
    if (Object.keys(errors).length) return focus();
    const { message, ...form } = read();
    onSubmit({ ...(isKnown ? {} : form), website: honeypot.value }, message);
    honeypot.value = ""; // a browser may have filled in the honeypot for a person; then the second attempt succeeds
  };

  /** @returns {Values} */
  const read = () =>
    /** @type {any} */ (Object.fromEntries(fields.map(({ name, input }) => [name, sendable(input.value)])));

  const box = element(
    "form",
    { class: "room form", novalidate: true },
    element("p", { class: "greeting" }, greeting),
    alert,
    ...fields.map((one) => one.row),
    element("div", { class: "unseen", "aria-hidden": "true" }, honeypot),
    // Enter in a field also clicks it. It listens to click because a frame without allow-forms fires no submit event.
    element("button", { class: "submit", type: "submit", click: submit }, t("start")),
    ...privacy(privacyUrl, t),
  );

  return {
    element: box,
    read,
    showErrors,
    /** @param {Partial<Values>} values replace the texts of the fields that they name */
    fill(values) {
      for (const { name, input } of fields) if (typeof values[name] === "string") input.value = values[name];
    },
    /** @param {string} text */
    warn(text) {
      alert.hidden = !text;
      setText(alert, text);
    },
    /** Ask only for the message if the page has identified the visitor. @param {any} [identity] */
    setKnown(identity) {
      isKnown = identity;
      for (const { name, row } of fields) row.hidden = identity && name !== "message";
    },
    focus,
  };
}

/**
 * @param {typeof FIELDS[number][0]} name
 * @param {import("./texts.js").Texts["t"]} t
 * @param {string} [autocomplete]
 */
function createField(name, t, autocomplete) {
  const error = element("p", { class: "error", id: `${name}-error`, hidden: true });
  const common = {
    id: name,
    name,
    "aria-describedby": `${name}-error`,
    "aria-required": name !== "phone" && "true",
  };
  const input = autocomplete
    ? element("input", { ...common, autocomplete, type: autocomplete })
    : element("textarea", { ...common, rows: "3" });
  const label = t(name === "phone" ? "phoneOptional" : name);
  return {
    name,
    input,
    row: element("div", { class: "field" }, element("label", { for: name }, label), input, error),
    /** @param {string} [code] */
    showError(code) {
      const key =
        code === "too_long" ? "tooLong" : code === "invalid" && name === "email" ? "invalidEmail" : "required";
      setAttribute(input, "aria-invalid", code && "true");
      error.hidden = !code;
      setText(error, code ? t(key) : "");
    },
  };
}

/** @param {string | null} url @param {import("./texts.js").Texts["t"]} t @returns {HTMLElement[]} */
function privacy(url, t) {
  if (!url?.match(/^https?:/)) return [];
  const [before, after = ""] = t("privacy").split("{link}");
  const link = element("a", { href: url, target: "_blank", rel: "noopener" }, t("privacyLink"));
  return [element("p", { class: "privacy" }, before, link, after)];
}
