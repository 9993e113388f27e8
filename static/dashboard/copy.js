/** Buttons that copy the text before them. Without this script there are none, and the text is selected by hand. */

for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll("[data-copy]"))) {
  const label = button.textContent ?? "";
  button.hidden = false;
  button.addEventListener("click", async () => {
    const text = button.previousElementSibling;
    if (!text) return;
    try {
      await navigator.clipboard.writeText(text.textContent ?? "");
      button.textContent = "Copied";
      setTimeout(() => {
        button.textContent = label;
      }, 2000);
    } catch {
      getSelection()?.selectAllChildren(text); // without https a page may not write there: Ctrl+C does
    }
  });
}
