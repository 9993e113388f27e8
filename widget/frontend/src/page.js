/**
 * The only global on the host page: `PraxTalk(command, ...)`. Calls made before the widget has loaded are queued.
 *
 * @typedef {"open" | "close" | "message" | "unread" | "ready"} EventName
 * @typedef {Record<string, (...args: any[]) => void>} Commands
 * @typedef {{run: (commands: Commands) => void, emit: (name: EventName, detail?: any) => void}} Page
 */

/** Install the global. @returns {Page | undefined} none if the page has it already */
export function openPage() {
  const global = /** @type {any} */ (globalThis);
  if (global.PraxTalk?.isPraxTalk) return;
  const handlers = /** @type {Map<string, Set<(detail?: any) => void>>} */ (new Map());
  let isReady = false;

  /**
   * Call a handler of the page. An exception in it is reported as uncaught and does not affect the widget.
   * @param {(detail?: any) => void} fn @param {any} [detail]
   */
  const callLater = (fn, detail) => queueMicrotask(() => fn(detail));

  const commands = /** @type {any} */ ({
    __proto__: null,
    /** @param {string} name @param {(detail?: any) => void} fn */
    on(name, fn) {
      if (!fn.call) throw fn;
      handlers.set(name, (handlers.get(name) ?? new Set()).add(fn));
      if (name === "ready" && isReady) callLater(fn);
    },
    /** @param {string} name @param {(detail?: any) => void} fn */
    off: (name, fn) => handlers.get(name)?.delete(fn),
  });
  const waiting = /** @type {any[][]} */ ([]);

  /** @param {string} name @param {any[]} args */
  const PraxTalk = (name, ...args) => {
    try {
      if (commands[name] || isReady) commands[name](...args);
      else waiting.push([name, ...args]);
    } catch (error) {
      console.warn("PraxTalk:", name, error);
    }
  };
  PraxTalk.isPraxTalk = true;
  for (const [name, ...args] of global.PraxTalk?.q ?? []) PraxTalk(name, ...args);
  global.PraxTalk = PraxTalk;

  return {
    run(given) {
      Object.assign(commands, given);
      isReady = true;
      for (const [name, ...args] of waiting) PraxTalk(name, ...args);
    },
    emit(name, detail) {
      for (const fn of handlers.get(name) ?? []) callLater(fn, detail);
    },
  };
}
