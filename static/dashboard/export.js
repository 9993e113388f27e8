/** Show the server's progress while the browser downloads the export. Without this script the download works all the same. */

const link = /** @type {HTMLAnchorElement} */ (document.getElementById("export"));
const line = /** @type {HTMLElement} */ (document.getElementById("export-progress"));

const showProgress = async () => {
  try {
    const { done, total } = await (await fetch(link.dataset.progress ?? "")).json();
    if (total) line.textContent = `${done.toLocaleString()} of ${total.toLocaleString()} rows`;
    if (total && done === total) {
      line.textContent += ". Done.";
      return;
    }
  } catch {
    // retried in a second
  }
  setTimeout(showProgress, 1000);
};

link.addEventListener(
  "click",
  () => {
    line.textContent = "Starting …";
    setTimeout(showProgress, 500);
  },
  { once: true },
);
