/**
 * The live protocol of PraxTalk in a browser: values that keep themselves up to date, and mutations that happen once.
 *
 *     const client = connect(location.origin, { getToken: () => token, onState: (state) => show(state) });
 *     const stop = client.watch("conversations:listInbox", { status: "open" }, (rows) => draw(rows), (error) => warn(error));
 *     await client.mutate("messages:send", { conversationId, body }); // when it resolves, every watch shows it
 *     stop();
 *     client.close();
 *
 * A callback that throws is reported as uncaught, and disturbs nothing. An error's message is for people; its `data` is
 * the server's `{code, message, retryAfter}`, where the server expected it. A mutation waits for a connection as long as it
 * takes: what is of use only now (that somebody types) is sent when `live`.
 *
 * The life of a connection:
 * 1. A socket is opened. 40 seconds without a frame, here or later, lead to 5 (the server pings after 15).
 * 2. Once open it says who we are, with a token that `getToken` gives, then asks for the whole query set under the old
 *    ids, then sends every unfinished mutation again, in order. The server knows them by session and number.
 * 3. A Transition must begin where the one before ended. Its values are kept, watchers are told, mutations up to its
 *    timestamp resolve. From the first that answers our query set on, we are live.
 * 4. A query that is UNAUTHENTICATED leads to 5, for another token; its watchers hear of it when that does not help either.
 * 5. Any fault: the socket is closed, and 1 follows after 100 ms x 2^n, at most 16 s, half of it more or less at random.
 *    n is 0 again after a Transition that leaves no mutation unfinished. `online` and becoming visible cut the wait short.
 * 6. A page that is left closes its socket, so that the back/forward cache may keep it; 1 follows when it is shown again.
 *
 * @typedef {"connecting" | "live" | "offline"} State offline: an attempt to connect again has failed, too
 * @typedef {Error & {data?: {code: string, message: string, retryAfter?: number}}} LiveError
 * @typedef {string | null | undefined} Token
 * @typedef {{onValue: (value: any) => void, onError?: (error: LiveError) => void}} Watcher
 * @typedef {{type: "Add", queryId: number, udfPath: string, args: object[]}} Add
 * @typedef {{add: Add, watchers: Set<Watcher>, tell?: (watcher: Watcher) => void}} Query
 * @typedef {{text: string, resolve: (value: any) => void, reject: (error: Error) => void, ts?: string, result?: any}} Request
 * @typedef {{querySet: number, identity: number, ts: string}} Version
 */

const FIRST_WAIT = 100;
const LONGEST_WAIT = 16_000;
const SILENCE = 40_000;

/**
 * @param {string} url the server's address, http(s)://host
 * @param {object} [options]
 * @param {(state: State) => void} [options.onState] told of every change, of the first `connecting` too
 * @param {(refused?: string) => Token | Promise<Token>} [options.getToken] asked on every connection, with the server's
 *     reason if it refused the last one; when it throws, it is asked again later
 * @param {typeof WebSocket} [options.WebSocket] where there is none
 */
export function connect(url, { onState, getToken, WebSocket: Socket = globalThis.WebSocket } = {}) {
  const address = `${url.replace(/^http/, "ws").replace(/\/$/, "")}/api/praxtalk-1/sync`;
  const sessionId = newId();
  const ended = new AbortController();
  const { signal } = ended;
  const queries = /** @type {Map<string, Query>} */ (new Map()); // by name and arguments
  const requests = /** @type {Map<number, Request>} */ (new Map());
  /** @type {WebSocket | undefined} */
  let socket;
  /** @type {ReturnType<typeof setTimeout>} of the silence while there is a socket, else of the next attempt */
  let timer;
  /** @type {State} */
  let state;
  /** @type {Version} */
  let version;
  let refused = /** @type {string | undefined} */ (undefined);
  let lastCloseReason = "InitialConnect";
  let connectionCount = 0;
  let querySet = 0; // the newest that was sent; 0: this socket is not ready for anything
  let changes = /** @type {object[]} */ ([]); // of the query set, not sent yet
  let queryIds = 0;
  let requestIds = 0;
  let failures = 0;
  let heard = 0;

  /** @param {State} next */
  const show = (next) => {
    if (state !== next) queueMicrotask(() => signal.aborted || onState?.(next));
    state = next;
  };

  /** @param {Query} query @param {Watcher} watcher */
  const tell = (query, watcher) => queueMicrotask(() => query.watchers.has(watcher) && query.tell?.(watcher));

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

  /** What changes in one go is sent as one message. @param {object} modification */
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
    show(failures || globalThis.navigator?.onLine === false ? "offline" : "connecting");
    timer = setTimeout(open, Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** failures++) * (0.5 + Math.random()));
  };

  const hear = () => {
    heard = Date.now();
    clearTimeout(timer);
    timer = setTimeout(drop, SILENCE, "silence");
  };

  const open = () => {
    stop();
    /** @type {WebSocket} */
    let mine;
    try {
      mine = new Socket(address);
    } catch (error) {
      return drop(String(error)); // a page's policy forbids it: some browsers throw
    }
    socket = mine;
    version = { querySet: 0, identity: 0, ts: "AAAAAAAAAAA=" };
    hear();
    mine.onopen = async () => {
      try {
        const token = await getToken?.(refused);
        if (mine === socket) greet(token);
      } catch (error) {
        if (mine === socket) drop(String(error));
        throw error;
      }
    };
    mine.onmessage = ({ data }) => {
      if (mine !== socket) return;
      hear();
      try {
        receive(JSON.parse(data));
      } catch (error) {
        drop(String(error));
      }
    };
    mine.onclose = ({ code }) => mine === socket && drop(`closed with code ${code}`);
    mine.onerror = () => {}; // onclose follows; but Node's `ws` throws an error that nobody listens to
  };

  /** @param {Token} value */
  const greet = (value) => {
    send({ type: "Connect", sessionId, connectionCount: connectionCount++, lastCloseReason });
    if (value) send({ type: "Authenticate", baseVersion: 0, tokenType: "User", value });
    modify([...queries.values()].map(({ add }) => add));
    for (const request of requests.values()) {
      request.ts = undefined; // of another connection, perhaps with another server
      socket?.send(request.text);
    }
  };

  /** @param {any} message */
  const receive = (message) => {
    if (message.type === "Transition") transit(message);
    else if (message.type === "MutationResponse") answer(message);
    else if (message.error) {
      if (message.type === "AuthError") refused = message.error;
      drop(message.error);
    }
  };

  /** @param {any} response */
  const answer = ({ requestId, success, result, ts, errorData }) => {
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
  const transit = ({ startVersion: start, endVersion: end, modifications }) => {
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
        refused = error.message;
        if (!failures) continue;
      }
      query.tell = ({ onValue, onError }) => {
        if (!error) onValue(value);
        else if (onError) onError(error);
        else throw error;
      };
      for (const watcher of query.watchers) tell(query, watcher);
    }
    for (const [id, { ts, result, resolve }] of requests)
      if (ts && order(ts) <= order(end.ts)) {
        requests.delete(id);
        resolve(result);
      }
    if (isStale) drop("token refused");
    else if (end.querySet) {
      show("live");
      refused = undefined;
      if (!requests.size) failures = 0;
    }
  };

  /** @param {Event} event */
  const notice = ({ type }) => {
    if (type === "pagehide") {
      stop();
      show("connecting");
    } else if (type === "offline") {
      if (socket) drop(type);
    } else if (type !== "visibilitychange" || !document.hidden) {
      if (!socket || Date.now() - heard > SILENCE) open();
    }
  };

  for (const type of ["online", "offline", "pageshow", "pagehide", "visibilitychange"])
    globalThis.addEventListener?.(type, notice, { signal });
  show("connecting");
  open();

  return {
    /**
     * @param {string} name such as "conversations:listInbox"
     * @param {Record<string, any>} args
     * @param {(value: any) => void} onValue called with the value whenever it changed, and again after a reconnect
     * @param {(error: LiveError) => void} [onError] called when the query fails; a value may follow. Without: reported
     * @returns {() => void} ends it
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
      if (known) tell(query, watcher);
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
     * @param {string} name such as "messages:send"
     * @param {Record<string, any>} args
     * @returns {Promise<any>} its value, once every watch shows what it did; rejects with a LiveError
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

    /** Ends all watches; mutations that are not finished reject. */
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

/** A timestamp is a number of 8 bytes, the smallest first, in base64: as text that sorts. @param {string} ts */
const order = (ts) => [...atob(ts)].reverse().join("");

/** `crypto.randomUUID` is missing on pages that came without https. */
const newId = () => crypto.getRandomValues(new Uint32Array(4)).join("-");
