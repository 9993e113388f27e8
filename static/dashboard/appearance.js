/**
 * Apply the stored theme and the state of the rail before the page is painted, and tell the server the browser's time zone. A
 * classic script, because modules run later.
 */

(() => {
  const { dataset } = document.documentElement;
  const stored = (/** @type {string} */ key) => {
    try {
      return localStorage.getItem(key);
    } catch {
      return null; // the browser blocks storage
    }
  };
  dataset.theme = stored("theme") ?? "auto";
  dataset.rail = stored("rail") ?? (matchMedia("(max-width: 1279px)").matches ? "collapsed" : "expanded");
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is asynchronous, and not in every browser
  if (zone) document.cookie = `time_zone=${zone}; path=/app/; max-age=31536000; samesite=lax`;
})();
