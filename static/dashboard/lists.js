/** Lists: the bar with actions is shown while rows are chosen; shift-click chooses all rows in between. */

const form = document.querySelector("#changelist-form");
const bar = /** @type {HTMLElement | null} */ (form?.querySelector(".bulk-bar") ?? null);
const all = /** @type {HTMLInputElement | null} */ (form?.querySelector("#action-toggle") ?? null);
const boxes = /** @type {HTMLInputElement[]} */ ([...(form?.querySelectorAll("input.action-select") ?? [])]);
let last = -1;

const show = () => {
  const count = boxes.filter((box) => box.checked).length;
  if (bar) {
    bar.hidden = count === 0;
    const text = bar.querySelector("[data-selected-count]");
    if (text) text.textContent = `${count} selected`;
  }
  if (all) {
    all.checked = count > 0 && count === boxes.length;
    all.indeterminate = count > 0 && count < boxes.length;
  }
};

boxes.forEach((box, index) => {
  box.classList.add("row-checkbox");
  box.addEventListener("click", (event) => {
    if (event.shiftKey && last >= 0) {
      for (const each of boxes.slice(Math.min(last, index), Math.max(last, index) + 1)) each.checked = box.checked;
    }
    last = index;
    show();
  });
});
all?.addEventListener("click", () => {
  for (const box of boxes) box.checked = all.checked;
  show();
});
addEventListener("pageshow", show); // the browser may have restored the checkboxes
show();
