/** Apply the stored theme and the state of the rail before the page is painted. A classic script, because modules run later. */

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
})();
