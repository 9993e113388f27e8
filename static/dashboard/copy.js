/** Show the buttons that copy the text before them. Without this script they stay hidden, and users select the text by hand. */

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
      getSelection()?.selectAllChildren(text); // pages without https cannot write to the clipboard; users press Ctrl+C
    }
  });
}
