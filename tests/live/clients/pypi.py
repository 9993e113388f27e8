"""Drives PyPI's `convex` for tests/live/driver.py, which describes commands and events."""

import asyncio
import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import convex
from convex.http_client import ConvexHttpClient
from convex.values import convex_to_json, json_to_convex

_printing = threading.Lock()
clients = {}
watches = {}


def send(event):
    with _printing:
        print(json.dumps(event), flush=True)


def respond(number, value):
    send({"id": number, "value": convex_to_json(value)})


def fail(number, error):
    described = {"kind": type(error).__name__, "message": str(error)}
    if isinstance(error, convex.ConvexError):
        described["data"] = convex_to_json(error.data)
    send({"id": number, "error": described})


def arguments(command):
    """Return the command's args. Numbers without a decimal point become floats too, as in JavaScript."""
    return json_to_convex(json.loads(json.dumps(command["args"]), parse_int=float))


async def observe(command):
    try:
        subscription = clients[command["client"]].subscribe(command["name"], arguments(command))
    except Exception as error:
        return send({"crash": repr(error)})
    while True:
        try:
            respond(command["id"], await subscription.__anext__())
        except StopAsyncIteration:
            return None
        except Exception as error:
            fail(command["id"], error)


async def stop(*numbers):
    """Cancel the tasks. A subscription ends with its last reference; its unsubscribe() must not run while it is awaited."""
    tasks = [watches.pop(number)[1] for number in numbers]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def call(client, method, command):
    try:
        respond(command["id"], getattr(client, method)(command["name"], arguments(command)))
    except Exception as error:
        fail(command["id"], error)


async def carry_out(command):
    match command["do"]:
        case "open":
            make = ConvexHttpClient if command["http"] else convex.ConvexClient
            clients[command["id"]] = await asyncio.to_thread(make, command["url"])
        case "close":
            await stop(*[number for number, (client, _) in watches.items() if client == command["client"]])
            clients.pop(command["client"])
        case "watch":
            watches[command["id"]] = command["client"], asyncio.create_task(observe(command))
        case "unwatch":
            await stop(command["watch"])
        case "query" | "action":
            asyncio.create_task(asyncio.to_thread(call, clients[command["client"]], command["do"], command))  # noqa: RUF006
        case "mutate":
            asyncio.create_task(asyncio.to_thread(call, clients[command["client"]], "mutation", command))  # noqa: RUF006
        case "authenticate":
            clients[command["client"]].set_auth(command["tokens"][0])
        case "ask":
            respond(command["id"], None)


async def main():
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(64))  # each call blocks a thread
    send({"ready": f"pypi convex {convex.__version__}"})
    while line := await asyncio.to_thread(sys.stdin.readline):
        try:
            await carry_out(json.loads(line))
        except Exception as error:
            send({"crash": f"{line}: {error!r}"})


asyncio.run(main())
