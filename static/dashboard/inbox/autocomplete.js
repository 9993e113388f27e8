/** Suggestions in the composer: canned replies after "/", colleagues after "@". The listbox works with the keyboard. */

import { h, setAttribute } from "./dom.js";

const MOST = 8;

/**
 * @typedef {{title: string, text: string, insert: string}} Suggestion
 * @param {HTMLTextAreaElement} field
 * @param {any} box the element that shows the suggestions
 * @param {(sign: string, word: string) => Suggestion[]} find called with "/" or "@" and the text after it
 */
export function createAutocomplete(field, box, find) {
  let found = /** @type {Suggestion[]} */ ([]);
  let place = 0;

  const written = () => {
    const before = field.value.slice(0, field.selectionStart);
    const match = /(^|\s)([/@])([^\s/@]*)$/u.exec(before);
    return match && { sign: match[2], word: match[3], at: before.length - match[3].length - 1 };
  };

  const close = () => {
    found = [];
    draw();
  };

  const draw = () => {
    const options = found.map(({ title, text }, index) => {
      const isHere = index === place;
      const listeners = { onmousedown: (/** @type {Event} */ event) => take(index, event) };
      const words = [h("strong", {}, title), " ", h("span", {}, text)];
      return h("div", { role: "option", id: `suggestion-${index}`, "aria-selected": isHere, ...listeners }, words);
    });
    box.replaceChildren(...options);
    box.hidden = !found.length;
    setAttribute(field, "aria-activedescendant", found.length ? `suggestion-${place}` : null);
  };

  /** @param {number} index @param {Event} event */
  const take = (index, event) => {
    event.preventDefault();
    const now = written();
    const suggestion = found[index];
    if (!now || !suggestion) return;
    field.setRangeText(suggestion.insert, now.at, field.selectionStart, "end");
    close();
    field.dispatchEvent(new Event("input", { bubbles: true }));
  };

  field.addEventListener("input", () => {
    const now = written();
    found = now ? find(now.sign, now.word.toLowerCase()).slice(0, MOST) : [];
    place = 0;
    draw();
  });
  field.addEventListener("blur", close);
  field.addEventListener("keydown", (event) => {
    if (!found.length || event.isComposing) return;
    if (event.key === "ArrowDown") place = (place + 1) % found.length;
    else if (event.key === "ArrowUp") place = (place + found.length - 1) % found.length;
    else if ((event.key === "Enter" && !event.metaKey && !event.ctrlKey) || event.key === "Tab")
      return take(place, event);
    else if (event.key === "Escape") found = [];
    else return;
    event.preventDefault();
    event.stopPropagation();
    draw();
  });
}
