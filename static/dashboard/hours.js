/**
 * The form of business hours: buttons that add a row, and one that copies Monday's hours to the other weekdays. Without this
 * script, each saved form has one more empty row.
 */

const COPY_TO = ["tue", "wed", "thu", "fri"];

/** @param {Element} box @returns {HTMLElement[]} */
const rowsOf = (box) => [...box.querySelectorAll(/** @type {"div"} */ (".pair"))];
/** @param {Element} row */
const inputsOf = (row) => [...row.querySelectorAll("input")];

/** Append an empty row, unless there are as many as allowed. @param {HTMLElement} box @returns {HTMLElement | null} */
const addRow = (box) => {
  const rows = rowsOf(box);
  const last = rows[rows.length - 1];
  if (rows.length >= Number(box.dataset.rows)) return null;
  const row = /** @type {HTMLElement} */ (last.cloneNode(true));
  row.querySelector(".quiet")?.remove();
  for (const input of inputsOf(row)) {
    input.value = "";
    input.removeAttribute("id");
  }
  last.after(row);
  return row;
};

/** @param {HTMLElement} box @param {string[][]} values */
const setRows = (box, values) => {
  while (rowsOf(box).length < values.length && addRow(box));
  rowsOf(box).forEach((row, index) => {
    row.querySelector(".quiet")?.remove();
    inputsOf(row).forEach((input, position) => {
      input.value = values[index]?.[position] ?? "";
    });
  });
};

/** @param {HTMLElement} monday */
const copyToWeekdays = (monday) => {
  const values = rowsOf(monday)
    .map((row) => inputsOf(row).map(({ value }) => value))
    .filter((row) => row.some((value) => value.trim()));
  for (const day of COPY_TO) {
    const box = document.querySelector(`input[name="hours_${day}-from"]`)?.closest(".hours");
    if (box instanceof HTMLElement) setRows(box, values);
  }
};

for (const box of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".hours"))) {
  const add = /** @type {HTMLButtonElement | null} */ (box.querySelector("[data-add-row]"));
  const copy = /** @type {HTMLButtonElement | null} */ (box.querySelector("[data-copy-hours]"));
  add?.addEventListener("click", () => addRow(box)?.querySelector("input")?.focus());
  copy?.addEventListener("click", () => copyToWeekdays(box));
  for (const button of [add, copy]) if (button) button.hidden = false;
}
