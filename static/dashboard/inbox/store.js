/** A store: values that several modules read, and that notify them of changes. */

/**
 * @template {object} State
 * @param {State} initial
 */
export function createStore(initial) {
  const state = { ...initial };
  const subscriptions = /** @type {Set<{names: (keyof State)[], onChange: () => void}>} */ (new Set());

  return {
    /** @template {keyof State} Name @param {Name} name @returns {State[Name]} */
    get: (name) => state[name],

    /** Set values, and then call each subscriber of a value that has changed once. @param {Partial<State>} values */
    set(values) {
      const names = /** @type {(keyof State)[]} */ (Object.keys(values));
      const changed = new Set(names.filter((name) => !Object.is(state[name], values[name])));
      Object.assign(state, values);
      for (const subscription of [...subscriptions]) {
        const isAffected = subscription.names.some((name) => changed.has(name));
        if (isAffected && subscriptions.has(subscription)) subscription.onChange();
      }
    },

    /**
     * @param {(keyof State)[]} names of the values
     * @param {() => void} onChange called after a change of any of them
     * @returns {() => void} ends the subscription
     */
    subscribe(names, onChange) {
      const subscription = { names, onChange };
      subscriptions.add(subscription);
      return () => {
        subscriptions.delete(subscription);
      };
    },
  };
}
