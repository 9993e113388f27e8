/**
 * The one name on the host page: `PraxTalk(command, ...)`. Calls made before the widget is there wait in its queue.
 *
 * @typedef {"open" | "close" | "message" | "unread" | "ready"} EventName
 * @typedef {Record<string, (...args: any[]) => void>} Commands
 * @typedef {{run: (commands: Commands) => void, emit: (name: EventName, detail?: any) => void}} Page
 */

/** @returns {Page | undefined} none: the page has it already */
export function openPage() {
  const global = /** @type {any} */ (globalThis);
  if (global.PraxTalk?.isPraxTalk) return;
  const handlers = /** @type {Map<string, Set<(detail?: any) => void>>} */ (new Map());
  /** @type {Commands | undefined} */
  let commands;
  const waiting = [...(global.PraxTalk?.q ?? [])];

  /** A fault in the page's handler is the page's to hear of, and not ours to stumble over. @param {(detail?: any) => void} fn @param {any} [detail] */
  const tell = (fn, detail) => queueMicrotask(() => fn(detail));

  const own = /** @type {Commands} */ ({
    on(name, fn) {
      if (typeof fn !== "function") return;
      handlers.set(name, (handlers.get(name) ?? new Set()).add(fn));
      if (name === "ready" && commands) tell(fn);
    },
    off(name, fn) {
      handlers.get(name)?.delete(fn);
    },
  });

  /** @param {string} name @param {any[]} args */
  const PraxTalk = (name, ...args) => {
    try {
      if (Object.hasOwn(own, name)) own[name](...args);
      else if (!commands) waiting.push([name, ...args]);
      else if (Object.hasOwn(commands, name)) commands[name](...args);
      else console.warn(`PraxTalk: there is no "${name}"`);
    } catch (error) {
      console.error(error);
    }
  };
  PraxTalk.isPraxTalk = true;
  global.PraxTalk = PraxTalk;
  for (const [name, ...args] of waiting.splice(0)) PraxTalk(name, ...args);

  return {
    run(given) {
      commands = given;
      for (const [name, ...args] of waiting.splice(0)) PraxTalk(name, ...args);
    },
    emit(name, detail) {
      for (const fn of handlers.get(name) ?? []) tell(fn, detail);
    },
  };
}
