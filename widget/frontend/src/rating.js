import { element, setAttribute, setText } from "../../../static/shared/dom.js";
import { sendable } from "../../../static/shared/text.js";
import { icon } from "./icons.js";

/**
 * Ask the visitor to rate a finished conversation.
 *
 * 1. Five faces appear below the thread. Pressing one sends the rating at once; the visitor can still press another.
 * 2. The visitor can then add a comment, which is sent together with the rating. After that the widget thanks them.
 * 3. A visitor who continues the conversation, or has already rated it, is not asked.
 *
 * @typedef {(name: string, args: object) => Promise<void>} Mutate
 */

const HEAD = "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20M9 9v1M15 9v1";

/** The faces from bad to good, with the paths of their mouths. They are drawn, because some systems lack the emoji. */
const FACES = {
  VeryBad: "M8 17.5q4-5 8 0",
  Bad: "M8 16.5q4-2.5 8 0",
  Okay: "M8 15.5h8",
  Good: "M8 14.5q4 3.5 8 0",
  VeryGood: "M7 13.5q5 9 10 0z",
};

/**
 * @param {import("./lazy.js").Options} options
 * @param {Mutate} mutate
 */
export function createRating({ t, root, composer }, mutate) {
  /** @type {string | undefined} */
  let conversationId;
  let chosen = 0;
  let sending = Promise.resolve(true); // ratings are sent one after another, so that the last one wins

  const line = element("p", { role: "status", tabindex: "-1" });
  const faces = Object.entries(FACES).map(([name, mouth], index) =>
    element("button", { "aria-label": t(`rating${name}`), click: () => choose(index + 1) }, icon(HEAD + mouth)),
  );
  const row = element("div", { class: "faces" }, ...faces);
  const hint = t("ratingComment");
  const input = element("textarea", { rows: "2", maxlength: "1000", placeholder: hint, "aria-label": hint });
  const comment = element(
    "div",
    { class: "comment" },
    input,
    element("button", { class: "chip", click: finish }, t("send")),
  );
  const failure = element("p", { class: "refused", role: "alert", hidden: true }, t("again"));
  const question = t("rating");
  const box = element("div", { class: "rating", role: "group", "aria-label": question }, line, row, comment, failure);
  box.hidden = true;
  composer.before(box);

  /** @param {number} rating 0 for none */
  function press(rating) {
    chosen = rating;
    faces.forEach((face, index) => {
      setAttribute(face, "aria-pressed", String(index + 1 === rating));
    });
    comment.hidden = !rating;
  }

  /** @returns {Promise<boolean>} whether the server accepted it */
  const send = () => {
    const rated = { conversationId, rating: chosen, comment: sendable(input.value) };
    sending = sending
      .then(() => mutate("widget:rate", rated))
      .then(
        () => true,
        () => false,
      )
      .then((is) => (failure.hidden = is));
    return sending;
  };

  /** @param {number} rating */
  function choose(rating) {
    press(rating);
    send();
  }

  async function finish() {
    const about = conversationId;
    if (!(await send()) || about !== conversationId) return;
    const hadFocus = comment.contains(root.activeElement);
    row.hidden = comment.hidden = true;
    setText(line, t("ratingThanks"));
    if (hadFocus) line.focus();
  }

  return {
    /** @param {import("./api.js").Thread["rating"]} [rating] */
    draw(rating) {
      const next = rating?.conversationId;
      if (next !== conversationId) {
        conversationId = next;
        press(0);
        input.value = "";
        row.hidden = false;
        failure.hidden = true;
        setText(line, question);
      }
      box.hidden = !rating || Boolean(rating.value && !chosen);
    },
  };
}
