"""Drives a client library that runs in a process of its own, so that a scenario is written once and proves every client.

The process reads commands from standard input and prints events on standard output, a JSON object a line each. Values and
arguments are in Convex's own JSON (https://docs.convex.dev: `{"$integer": ...}` for a 64-bit integer and so on).

Commands: `do` says what, `id` is the number that its events carry, `client` and `watch` are the ids of what was opened.
    {"do": "open", "id", "url", "http"?: true}                  a client; with http, the one that keeps no socket
    {"do": "close", "client"}                                   and all that it watches
    {"do": "watch", "id", "client", "name", "args", "as"?}      -> value or error, again and again
    {"do": "unwatch", "watch"}
    {"do": "query" | "mutate" | "action", "id", "client", "name", "args", "as"?, "optimistic"?, "consistent"?}
                                                                -> value or error, once
    {"do": "authenticate", "id", "client", "tokens"}            the n-th fetch gets the n-th token, later ones the last;
                                                                -> fetched, isAuthenticated
    {"do": "ask", "id"}                                         -> value null: all commands before it were carried out
`as`: "string" (the name itself), "reference" (makeFunctionReference) or "anyApi".
`optimistic`: {"query", "args", "append"}: append that to the `messages` of the query's value until the result is there.

`consistent`: true for a query of the client without a socket: its consistentQuery.

Events:
    {"ready": "name of the library"}                            first of all
    {"id", "value"}
    {"id", "error": {"kind": "the class's name", "message", "data"?: only of a ConvexError}}
    {"id", "fetched": how often so far, "forced": bool}         a token was asked for
    {"id", "isAuthenticated": bool}
    {"crash": "..."}                                            an exception that nobody caught: fails the test
"""

import itertools
import json
import os
import subprocess
import threading
import time

PATIENCE_SECONDS = 60


class Driver:
    """`with Driver(["node", "npm.mjs", "convex"]) as driver:`"""

    def __init__(self, command, *, knows_floats=False, environment=None):
        """knows_floats: the library tells 3.0 from 3, as JavaScript does not. environment: variables, besides ours."""
        self.command, self.knows_floats = command, knows_floats
        self.environment = os.environ | (environment or {})
        self.news = threading.Condition()
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
            with self.news:
                if "crash" in event:
                    self.crashes.append(event["crash"])
                elif "ready" in event:
                    self.ready.set()
                else:
                    self.events.setdefault(event.pop("id"), []).append(event)
                self.news.notify_all()

    def command_with_id(self, do, **rest):
        number = next(self._ids)
        self.send(do, id=number, **rest)
        return number

    def send(self, do, **rest):
        self.process.stdin.write(json.dumps({"do": do, **rest}) + "\n")
        self.process.stdin.flush()

    def wait_until(self, answer, what, patience=PATIENCE_SECONDS):
        """What `answer()` gives as soon as that is not None; it is called again after every event."""
        with self.news:
            self.news.wait_for(lambda: answer() is not None or self.crashes, patience)
            assert self.crashes == [], self.crashes
            assert answer() is not None, what()
            return answer()

    def open(self, url, http=False):
        client = Client(self, self.command_with_id("open", url=url, http=http))
        self.clients.append(client)
        return client

    def settle(self):
        """All commands so far have been carried out, and what they had to tell at once is here."""
        Call(self, self.command_with_id("ask")).result()

    def close_clients(self):
        """All that a test opened, when it is over; an exception that nobody caught fails it."""
        for client in self.clients:
            client.close()
        crashes, self.crashes, self.clients = self.crashes, [], []
        assert crashes == [], crashes
        self.settle()


class Client:
    def __init__(self, driver, number):
        self.driver, self.number, self.is_closed = driver, number, False

    def _do(self, do, name, args, **rest):
        return self.driver.command_with_id(do, client=self.number, name=name, args=args or {}, **rest)

    def watch(self, name, args=None, **rest):
        return Watch(self.driver, self._do("watch", name, args, **rest))

    def query(self, name, args=None, **rest):
        return Call(self.driver, self._do("query", name, args, **rest))

    def mutate(self, name, args=None, **rest):
        return Call(self.driver, self._do("mutate", name, args, **rest))

    def action(self, name, args=None):
        return Call(self.driver, self._do("action", name, args))

    def authenticate(self, *tokens):
        return Authentication(
            self.driver, self.driver.command_with_id("authenticate", client=self.number, tokens=tokens)
        )

    def close(self):
        if not self.is_closed:
            self.is_closed = True
            self.driver.send("close", client=self.number)


class Observed:
    """Something whose events carry its number."""

    def __init__(self, driver, number):
        self.driver, self.number = driver, number

    @property
    def events(self):
        return list(self.driver.events.get(self.number, ()))

    def _wait(self, key, matches, patience=PATIENCE_SECONDS):
        """The first event's `key` that matches, or already did."""
        found = lambda: next((event for event in self.events if key in event and matches(event[key])), None)  # noqa: E731
        return self.driver.wait_until(found, lambda: self.events[-3:], patience)[key]


class Call(Observed):
    def result(self, patience=PATIENCE_SECONDS):
        (event,) = self._answers(patience)
        assert "error" not in event, event["error"]
        return event["value"]

    def error(self, patience=PATIENCE_SECONDS):
        (event,) = self._answers(patience)
        assert "value" not in event, event
        return event["error"]

    def _answers(self, patience):
        return self.driver.wait_until(lambda: self.events or None, lambda: "No answer.", patience)


class Watch(Observed):
    @property
    def values(self):
        return [event["value"] for event in self.events if "value" in event]

    @property
    def changes(self):
        """The values without repetitions: PyPI's client tells them all again whenever one of its queries changed."""
        return [value for value, _ in itertools.groupby(self.values)]

    @property
    def errors(self):
        return [event["error"] for event in self.events if "error" in event]

    def until(self, matches=lambda value: True, patience=PATIENCE_SECONDS):
        """The newest value, once it matches."""
        newest = lambda: [self.values[-1]] if self.values and matches(self.values[-1]) else None  # noqa: E731
        return self.driver.wait_until(newest, lambda: self.events[-3:], patience)[0]

    def error(self, patience=PATIENCE_SECONDS):
        return self._wait("error", lambda error: True, patience)

    def stop(self):
        self.driver.send("unwatch", watch=self.number)


class Authentication(Observed):
    def until(self, is_authenticated, patience=PATIENCE_SECONDS):
        self._wait("isAuthenticated", lambda told: told is is_authenticated, patience)

    def until_fetched(self, times, patience=PATIENCE_SECONDS):
        self._wait("fetched", lambda fetched: fetched >= times, patience)


def wait_for(condition, what="It did not happen.", patience=PATIENCE_SECONDS):
    """The first true value of `condition()`: for what no event tells, as a row in the database."""
    deadline = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < deadline, what
        time.sleep(0.02)
    return found
