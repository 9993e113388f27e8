/**
 * Show at once that a slow form has been submitted: the text of its `data-busy`, and a disabled button. Without this script, only
 * the browser shows that it is waiting.
 */

for (const form of /** @type {NodeListOf<HTMLFormElement>} */ (document.querySelectorAll("form[data-busy]"))) {
  const line = document.createElement("p");
  line.setAttribute("role", "status");
  form.append(line);
  const buttons = () => /** @type {NodeListOf<HTMLButtonElement>} */ (form.querySelectorAll("button, [type=submit]"));
  /** @param {boolean} isBusy */
  const show = (isBusy) => {
    line.textContent = isBusy ? (form.dataset.busy ?? "") : "";
    for (const button of buttons()) button.disabled = isBusy;
  };
  form.addEventListener("submit", () => show(true));
  addEventListener("pageshow", () => show(false)); // the page may be shown again from the browser's cache
}
