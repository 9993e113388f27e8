"""Drive a client library in its own process, so that one scenario covers every client.

The process reads commands from standard input and prints events to standard output, one JSON object per line. Values and
arguments use Convex's JSON format (https://docs.convex.dev: `{"$integer": ...}` for a 64-bit integer and so on).

Commands: `do` names the command, `id` is repeated in its events, `client` and `watch` are the ids of the opened objects.

    {"do": "open", "id", "url", "http"?: true}                  open a client; with http, one without a socket
    {"do": "close", "client"}                                   close it and all its watches
    {"do": "watch", "id", "client", "name", "args", "as"?}      -> any number of value or error events
    {"do": "unwatch", "watch"}
    {"do": "query" | "mutate" | "action", "id", "client", "name", "args", "as"?, "optimistic"?, "consistent"?}
                                                                -> one value or error event
    {"do": "authenticate", "id", "client", "tokens"}            the n-th fetch returns the n-th token, later ones the last
                                                                -> fetched and isAuthenticated events
    {"do": "ask", "id"}                                         -> value null, once all earlier commands are executed

`as`: "string" (the name itself), "reference" (makeFunctionReference) or "anyApi".
`optimistic`: {"query", "args", "append"}: append this to the `messages` of the query's value until the result arrives.
`consistent`: true for consistentQuery of the client without a socket.

Events:

    {"ready": "name of the library"}                            the first event
    {"id", "value"}
    {"id", "error": {"kind": "the class's name", "message", "data"?: only of a ConvexError}}
    {"id", "fetched": number of fetches, "forced": bool}        a token was requested
    {"id", "isAuthenticated": bool}
    {"crash": "..."}                                            an uncaught exception, which fails the test
"""

import itertools
import json
import os
import subprocess
import threading
import time

PATIENCE_SECONDS = 60


class Driver:
    """Use as `with Driver(["node", "npm.mjs", "convex"]) as driver:`."""

    def __init__(self, command, *, knows_floats=False, environment=None):
        """Store the command.

        knows_floats: the library distinguishes 3.0 from 3, which JavaScript does not. environment: extra environment
        variables.
        """
        self.command, self.knows_floats = command, knows_floats
        self.environment = os.environ | (environment or {})
        self.event_added = threading.Condition()
        self.events, self.crashes, self.clients = {}, [], []
        self._ids = itertools.count(1)

    def __enter__(self):
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self.environment
        )
        self.ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self.ready.wait(PATIENCE_SECONDS), self.command
        return self

    def __exit__(self, *args):
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
        self._reader.join(5)
        self.process.stdout.close()

    def _read(self):
        for line in self.process.stdout:
            event = json.loads(line)
            with self.event_added:
                if "crash" in event:
                    self.crashes.append(event["crash"])
                elif "ready" in event:
                    self.ready.set()
                else:
                    self.events.setdefault(event.pop("id"), []).append(event)
                self.event_added.notify_all()

    def command_with_id(self, do, **rest):
        number = next(self._ids)
        self.send(do, id=number, **rest)
        return number

    def send(self, do, **rest):
        self.process.stdin.write(json.dumps({"do": do, **rest}) + "\n")
        self.process.stdin.flush()

    def wait_until(self, condition, what, patience=PATIENCE_SECONDS):
        """Return the first result of `condition()` that is not None. It is called again after every event."""
        with self.event_added:
            self.event_added.wait_for(lambda: condition() is not None or self.crashes, patience)
            assert self.crashes == [], self.crashes
            assert condition() is not None, what()
            return condition()

    def open(self, url, http=False):
        client = Client(self, self.command_with_id("open", url=url, http=http))
        self.clients.append(client)
        return client

    def wait_until_idle(self):
        """Wait until all commands so far are executed and their immediate events have arrived."""
        Call(self, self.command_with_id("ask")).result()

    def close_clients(self):
        """Close all clients that the test opened. Fails the test if an exception was uncaught in the process."""
        for client in self.clients:
            client.close()
        crashes, self.crashes, self.clients = self.crashes, [], []
        assert crashes == [], crashes
        self.wait_until_idle()


class Client:
    def __init__(self, driver, number):
        self.driver, self.number, self.is_closed = driver, number, False

    def _send_command(self, do, name, args, **rest):
        return self.driver.command_with_id(do, client=self.number, name=name, args=args or {}, **rest)

    def watch(self, name, args=None, **rest):
        return Subscription(self.driver, self._send_command("watch", name, args, **rest))

    def query(self, name, args=None, **rest):
        return Call(self.driver, self._send_command("query", name, args, **rest))

    def mutate(self, name, args=None, **rest):
        return Call(self.driver, self._send_command("mutate", name, args, **rest))

    def action(self, name, args=None):
        return Call(self.driver, self._send_command("action", name, args))

    def authenticate(self, *tokens):
        return Authentication(
            self.driver, self.driver.command_with_id("authenticate", client=self.number, tokens=tokens)
        )

    def close(self):
        if not self.is_closed:
            self.is_closed = True
            self.driver.send("close", client=self.number)


class Observed:
    """A command whose events carry its id."""

    def __init__(self, driver, number):
        self.driver, self.number = driver, number

    @property
    def events(self):
        return list(self.driver.events.get(self.number, ()))

    def _wait(self, key, matches, patience=PATIENCE_SECONDS):
        """Wait for an event whose `key` matches, including past events, and return that value."""
        found = lambda: next((event for event in self.events if key in event and matches(event[key])), None)  # noqa: E731
        return self.driver.wait_until(found, lambda: self.events[-3:], patience)[key]


class Call(Observed):
    def result(self, patience=PATIENCE_SECONDS):
        (event,) = self._responses(patience)
        assert "error" not in event, event["error"]
        return event["value"]

    def error(self, patience=PATIENCE_SECONDS):
        (event,) = self._responses(patience)
        assert "value" not in event, event
        return event["error"]

    def _responses(self, patience):
        return self.driver.wait_until(lambda: self.events or None, lambda: "No response.", patience)


class Subscription(Observed):
    @property
    def values(self):
        return [event["value"] for event in self.events if "value" in event]

    @property
    def changes(self):
        """Return the values without repetitions: PyPI's client reports all queries whenever one of them changes."""
        return [value for value, _ in itertools.groupby(self.values)]

    @property
    def errors(self):
        return [event["error"] for event in self.events if "error" in event]

    def until(self, matches=lambda value: True, patience=PATIENCE_SECONDS):
        """Wait until the newest value matches, and return it."""
        newest = lambda: [self.values[-1]] if self.values and matches(self.values[-1]) else None  # noqa: E731
        return self.driver.wait_until(newest, lambda: self.events[-3:], patience)[0]

    def error(self, patience=PATIENCE_SECONDS):
        return self._wait("error", lambda error: True, patience)

    def stop(self):
        self.driver.send("unwatch", watch=self.number)


class Authentication(Observed):
    def until(self, is_authenticated, patience=PATIENCE_SECONDS):
        self._wait("isAuthenticated", lambda value: value is is_authenticated, patience)

    def until_fetched(self, times, patience=PATIENCE_SECONDS):
        self._wait("fetched", lambda fetched: fetched >= times, patience)


def wait_for(condition, what="It did not happen.", patience=PATIENCE_SECONDS):
    """Poll `condition()` and return its first true value, for changes without an event, such as a database row."""
    deadline = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < deadline, what
        time.sleep(0.02)
    return found
