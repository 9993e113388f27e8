/** Stands in for the widget until its source is here: the global, and nothing else. */
/** @type {any} */ (window).PraxTalk ??= () => {};
