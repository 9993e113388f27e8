/** Suggestions in the composer: canned replies after "/", colleagues after "@". The listbox works with the keyboard. */

import { h, isComposing, isolated, setAttribute } from "./dom.js";

const MAX_SUGGESTIONS = 8;

/** @typedef {{title: string, text: string, insert: string}} Suggestion */

/**
 * @param {object} options
 * @param {HTMLTextAreaElement} options.field
 * @param {HTMLElement} options.box the element that shows the suggestions
 * @param {(sign: string, text: string) => Suggestion[]} options.find called with "/" or "@" and the text after it
 */
export function createAutocomplete({ field, box, find }) {
  let suggestions = /** @type {Suggestion[]} */ ([]);
  let active = 0; // index

  /** Return the sign and the text before the caret, and the sign's position. */
  const query = () => {
    const before = field.value.slice(0, field.selectionStart);
    const match = /(^|\s)([/@])([^\s/@]*)$/u.exec(before);
    return match && { sign: match[2], text: match[3], at: before.length - match[3].length - 1 };
  };

  const close = () => {
    suggestions = [];
    draw();
  };

  const draw = () => {
    const options = suggestions.map(({ title, text }, index) =>
      h(
        "div",
        {
          role: "option",
          id: `suggestion-${index}`,
          "aria-selected": index === active && "true",
          mousedown: (/** @type {Event} */ event) => accept(index, event),
        },
        h("strong", {}, isolated(title)),
        " ",
        isolated(text),
      ),
    );
    box.replaceChildren(...options);
    box.hidden = !suggestions.length;
    setAttribute(field, "aria-activedescendant", suggestions.length ? `suggestion-${active}` : null);
  };

  /** @param {number} index @param {Event} event */
  const accept = (index, event) => {
    event.preventDefault();
    const now = query();
    const suggestion = suggestions[index];
    if (!now || !suggestion) return;
    field.setRangeText(suggestion.insert, now.at, field.selectionStart, "end");
    close();
    field.dispatchEvent(new Event("input", { bubbles: true }));
  };

  field.addEventListener("input", () => {
    const now = query();
    suggestions = now ? find(now.sign, now.text.toLowerCase()).slice(0, MAX_SUGGESTIONS) : [];
    active = 0;
    draw();
  });
  field.addEventListener("blur", close);
  field.addEventListener("keydown", (event) => {
    if (!suggestions.length || isComposing(event)) return;
    if (event.key === "ArrowDown") active = (active + 1) % suggestions.length;
    else if (event.key === "ArrowUp") active = (active + suggestions.length - 1) % suggestions.length;
    else if ((event.key === "Enter" && !event.metaKey && !event.ctrlKey) || event.key === "Tab")
      return accept(active, event);
    else if (event.key === "Escape") suggestions = [];
    else return;
    event.preventDefault();
    event.stopPropagation();
    draw();
  });
}
