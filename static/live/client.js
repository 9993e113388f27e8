/**
 * A browser client of PraxTalk's live protocol: subscriptions to queries, and mutations that are executed exactly once.
 *
 *     const client = connect(location.origin, { getToken: () => token, onState: (state) => show(state) });
 *     const stop = client.watch("conversations:listInbox", { status: "open" }, (rows) => draw(rows), (error) => warn(error));
 *     await client.mutate("messages:send", { conversationId, body }); // when it resolves, every watch shows the change
 *     stop();
 *     client.close();
 *
 * An exception from a callback is reported as uncaught and does not affect the client. The message of an error is meant for
 * people. Its `data` is the server's `{code, message, retryAfter}` if the server raised the error deliberately. A mutation waits
 * for a connection without a time limit, so send what is only of momentary use (such as typing) only while the state is `live`.
 *
 * How a connection works:
 * 1. Open a socket. If no frame arrives for 40 seconds, now or later, continue with step 5. (The server pings after 15 seconds.)
 * 2. Once the socket is open, authenticate with the token from `getToken`, send the whole query set with its old ids, and
 *    resend every unfinished mutation in order. The server recognises mutations by session id and number.
 * 3. A Transition must start at the version at which the previous one ended. Store its values, notify the watchers, and resolve
 *    the mutations up to its timestamp. The first Transition that answers the query set makes the state `live`.
 * 4. If a query fails with UNAUTHENTICATED, continue with step 5 to get another token. Its watchers are notified only if the
 *    next attempt fails the same way.
 * 5. After any failure, close the socket and return to step 1 after 100 ms x 2^n, at most 16 s, varied at random by up to half.
 *    A Transition that leaves no mutation unfinished resets n to 0. The event `online` and becoming visible end the wait.
 * 6. When the user leaves the page, close the socket, so that the back/forward cache can keep the page. Return to step 1 when
 *    the page is shown again.
 *
 * @typedef {"connecting" | "live" | "offline"} State offline: an attempt to reconnect has failed, too
 * @typedef {Error & {data?: {code: string, message: string, retryAfter?: number, duplicateOf?: {_id: string, name: string}}}} LiveError
 * @typedef {string | null | undefined} Token
 * @typedef {{onValue: (value: any) => void, onError?: (error: LiveError) => void}} Watcher
 * @typedef {{type: "Add", queryId: number, udfPath: string, args: object[]}} Add
 * @typedef {{add: Add, watchers: Set<Watcher>, deliver?: (watcher: Watcher) => void}} Query
 * @typedef {{text: string, resolve: (value: any) => void, reject: (error: Error) => void, ts?: string, result?: any}} Request
 * @typedef {{querySet: number, identity: number, ts: string}} Version
 */

const MIN_DELAY = 100;
const MAX_DELAY = 16_000;
const RECEIVE_TIMEOUT = 40_000;

/**
 * Connect to the server.
 *
 * @param {string} url the server's URL, http(s)://host
 * @param {object} [options]
 * @param {(state: State) => void} [options.onState] called on every change of state, including the first `connecting`
 * @param {(authError?: string) => Token | Promise<Token>} [options.getToken] called for every connection, with the server's error
 *     message if it rejected the last token; if it throws, it is called again later
 * @param {typeof WebSocket} [options.WebSocket] an implementation, for environments without a global WebSocket
 */
export function connect(url, { onState, getToken, WebSocket: Socket = globalThis.WebSocket } = {}) {
  const address = `${url.replace(/^http/, "ws").replace(/\/$/, "")}/api/praxtalk-1/sync`;
  const sessionId = newId();
  const ended = new AbortController();
  const { signal } = ended;
  const queries = /** @type {Map<string, Query>} */ (new Map()); // the keys are the name and arguments as JSON
  const requests = /** @type {Map<number, Request>} */ (new Map());
  /** @type {WebSocket | undefined} */
  let socket;
  /** @type {ReturnType<typeof setTimeout>} the receive timeout while there is a socket, else the delay until the next attempt */
  let timer;
  /** @type {State} */
  let state;
  /** @type {Version} */
  let version;
  let authError = /** @type {string | undefined} */ (undefined);
  let lastCloseReason = "InitialConnect";
  let connectionCount = 0;
  let querySet = 0; // the last version that was sent; 0: nothing can be sent on this socket yet
  let changes = /** @type {object[]} */ ([]); // changes of the query set that have not been sent
  let queryIds = 0;
  let requestIds = 0;
  let failures = 0;
  let lastFrameAt = 0;

  /** @param {State} next */
  const setState = (next) => {
    if (state !== next) queueMicrotask(() => signal.aborted || onState?.(next));
    state = next;
  };

  /** @param {Query} query @param {Watcher} watcher */
  const notify = (query, watcher) => queueMicrotask(() => query.watchers.has(watcher) && query.deliver?.(watcher));

  /** @param {object} message */
  const send = (message) => socket?.send(JSON.stringify(message));

  /** @param {object[]} modifications */
  const modify = (modifications) => {
    changes = [];
    send({ type: "ModifyQuerySet", baseVersion: querySet, newVersion: ++querySet, modifications });
  };

  const flush = () => {
    if (changes.length) modify(changes);
  };

  /** Queue a change of the query set. Changes of the same task are sent in one message. @param {object} modification */
  const change = (modification) => {
    if (querySet && changes.push(modification) === 1) queueMicrotask(flush);
  };

  const stop = () => {
    const old = socket;
    clearTimeout(timer);
    socket = undefined;
    querySet = 0;
    changes = [];
    old?.close();
  };

  /** @param {string} reason */
  const drop = (reason) => {
    stop();
    lastCloseReason = reason;
    setState(failures || globalThis.navigator?.onLine === false ? "offline" : "connecting");
    timer = setTimeout(open, Math.min(MAX_DELAY, MIN_DELAY * 2 ** failures++) * (0.5 + Math.random()));
  };

  const onFrame = () => {
    lastFrameAt = Date.now();
    clearTimeout(timer);
    timer = setTimeout(drop, RECEIVE_TIMEOUT, "silence");
  };

  const open = () => {
    stop();
    /** @type {WebSocket} */
    let own;
    try {
      own = new Socket(address);
    } catch (error) {
      return drop(String(error)); // some browsers throw if the page's Content-Security-Policy forbids the connection
    }
    socket = own;
    version = { querySet: 0, identity: 0, ts: "AAAAAAAAAAA=" };
    onFrame();
    own.onopen = async () => {
      try {
        const token = await getToken?.(authError);
        if (own === socket) sendHandshake(token);
      } catch (error) {
        if (own === socket) drop(String(error));
        throw error;
      }
    };
    own.onmessage = ({ data }) => {
      if (own !== socket) return;
      onFrame();
      try {
        receive(JSON.parse(data));
      } catch (error) {
        drop(String(error));
      }
    };
    own.onclose = ({ code }) => own === socket && drop(`closed with code ${code}`);
    own.onerror = () => {}; // onclose follows anyway; without a listener, Node's `ws` throws the error
  };

  /** @param {Token} value */
  const sendHandshake = (value) => {
    send({ type: "Connect", sessionId, connectionCount: connectionCount++, lastCloseReason });
    if (value) send({ type: "Authenticate", baseVersion: 0, tokenType: "User", value });
    modify([...queries.values()].map(({ add }) => add));
    for (const request of requests.values()) {
      request.ts = undefined; // the timestamp is from an earlier connection, perhaps to another server
      socket?.send(request.text);
    }
  };

  /** @param {any} message */
  const receive = (message) => {
    if (message.type === "Transition") applyTransition(message);
    else if (message.type === "MutationResponse") onMutationResponse(message);
    else if (message.error) {
      if (message.type === "AuthError") authError = message.error;
      drop(message.error);
    }
  };

  /** @param {any} response */
  const onMutationResponse = ({ requestId, success, result, ts, errorData }) => {
    const request = requests.get(requestId);
    if (!request) return;
    if (success) {
      request.ts = ts;
      request.result = result;
    } else {
      requests.delete(requestId);
      request.reject(toError(result, errorData));
    }
  };

  /** @param {{startVersion: Version, endVersion: Version, modifications: any[]}} transition */
  const applyTransition = ({ startVersion: start, endVersion: end, modifications }) => {
    if (start.querySet !== version.querySet || start.identity !== version.identity || start.ts !== version.ts)
      return drop("version gap");
    version = end;
    let isStale = false;
    for (const { queryId, type, value, errorMessage, errorData } of modifications) {
      const query = [...queries.values()].find(({ add }) => add.queryId === queryId);
      if (!query) continue;
      const error = type === "QueryFailed" && toError(errorMessage, errorData);
      if (error && getToken && errorData?.code === "UNAUTHENTICATED") {
        isStale = true;
        authError = error.message;
        if (!failures) continue;
      }
      query.deliver = ({ onValue, onError }) => {
        if (!error) onValue(value);
        else if (onError) onError(error);
        else throw error;
      };
      for (const watcher of query.watchers) notify(query, watcher);
    }
    for (const [id, { ts, result, resolve }] of requests)
      if (ts && sortKey(ts) <= sortKey(end.ts)) {
        requests.delete(id);
        resolve(result);
      }
    if (isStale) drop("token refused");
    else if (end.querySet) {
      setState("live");
      authError = undefined;
      if (!requests.size) failures = 0;
    }
  };

  /** @param {Event} event */
  const onPageEvent = ({ type }) => {
    if (type === "pagehide") {
      stop();
      setState("connecting");
    } else if (type === "offline") {
      if (socket) drop(type);
    } else if (type !== "visibilitychange" || !document.hidden) {
      if (!socket || Date.now() - lastFrameAt > RECEIVE_TIMEOUT) open();
    }
  };

  for (const type of ["online", "offline", "pageshow", "pagehide", "visibilitychange"])
    globalThis.addEventListener?.(type, onPageEvent, { signal });
  setState("connecting");
  open();

  return {
    /**
     * Subscribe to a query.
     *
     * @param {string} name such as "conversations:listInbox"
     * @param {Record<string, any>} args
     * @param {(value: any) => void} onValue called with each new value, and again after a reconnect
     * @param {(error: LiveError) => void} [onError] called when the query fails; a value may follow. Without it, the error is
     *     reported as uncaught
     * @returns {() => void} ends the subscription
     */
    watch(name, args, onValue, onError) {
      const sorted = Object.fromEntries(Object.entries(args).sort());
      const key = JSON.stringify([name, sorted]);
      const known = queries.get(key);
      /** @type {Query} */
      const query = known ?? {
        add: { type: "Add", queryId: queryIds++, udfPath: name, args: [sorted] },
        watchers: new Set(),
      };
      const watcher = { onValue, onError };
      query.watchers.add(watcher);
      if (known) notify(query, watcher);
      else {
        queries.set(key, query);
        change(query.add);
      }
      return () => {
        if (!query.watchers.delete(watcher) || query.watchers.size) return;
        queries.delete(key);
        change({ type: "Remove", queryId: query.add.queryId });
      };
    },

    /**
     * Run a mutation.
     *
     * @param {string} name such as "messages:send"
     * @param {Record<string, any>} args
     * @returns {Promise<any>} the mutation's value, once every watch shows its effect; rejects with a LiveError
     */
    mutate(name, args) {
      return new Promise((resolve, reject) => {
        signal.throwIfAborted();
        const text = JSON.stringify({ type: "Mutation", requestId: requestIds, udfPath: name, args: [args] });
        requests.set(requestIds++, { text, resolve, reject });
        flush();
        if (querySet) socket?.send(text);
      });
    },

    /** Close the connection and end all watches. Unfinished mutations reject. */
    close() {
      ended.abort();
      stop();
      for (const { watchers } of queries.values()) watchers.clear();
      queries.clear();
      for (const { reject } of requests.values()) reject(signal.reason);
      requests.clear();
    },
  };
}

/** @param {string} message @param {any} [data] @returns {LiveError} */
const toError = (message, data) => Object.assign(new Error(data?.message ?? message), data && { data });

/** Convert a timestamp (8 bytes, little-endian, in base64) to a string that sorts by time. @param {string} ts */
const sortKey = (ts) => [...atob(ts)].reverse().join("");

/** Return a random id. `crypto.randomUUID` is missing on pages without https. */
export const newId = () => crypto.getRandomValues(new Uint32Array(4)).join("-");
