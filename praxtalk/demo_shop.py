"""The demo shop: a customer's web page that embeds the widget, on its own origin and with a strict Content-Security-Policy.

`serve` starts it as a separate process if there is a demo workspace. It uses neither the database nor a template engine, to
show that any site can do the same.
"""

import argparse
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from string import Template

from praxtalk.endpoints import bound_socket

PROJECT = Path(__file__).resolve().parent.parent
PAGE, STATIC = PROJECT / "templates/demo/shop.html", PROJECT / "static/demo"
BACKLOG = 1024
POLICY = (
    "default-src 'none'; script-src {host}/widget.js; connect-src {host} {socket}; style-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def policy(host: str) -> str:
    """Return a Content-Security-Policy that allows the widget from `host` (http(s)://name:port) and no other script."""
    return POLICY.format(host=host, socket=host.replace("http", "ws", 1))


class ShopServer(ThreadingHTTPServer):
    """An HTTP server on a socket that is already listening."""

    daemon_threads = True

    def __init__(self, listening_socket: socket.socket, *, host: str, widget_id: str) -> None:
        super().__init__(("", 0), ShopHandler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening_socket
        page = Template(PAGE.read_text()).substitute(host=host, widget_id=widget_id)
        self.policy = policy(host)
        self.files = {
            "/": ("text/html; charset=utf-8", page.encode()),
            "/shop.css": ("text/css; charset=utf-8", (STATIC / "shop.css").read_bytes()),
            "/favicon.svg": ("image/svg+xml", (STATIC / "favicon.svg").read_bytes()),
        }


class ShopHandler(BaseHTTPRequestHandler):
    server: ShopServer
    timeout = 30

    def do_GET(self) -> None:
        self._respond(with_body=True)

    def do_HEAD(self) -> None:
        self._respond(with_body=False)

    def _respond(self, *, with_body: bool) -> None:
        content_type, content = self.server.files.get(self.path.split("?")[0], ("", b""))
        self.send_response(200 if content else 404)
        self.send_header("Content-Length", str(len(content)))
        if content:
            self.send_header("Content-Type", content_type)
        self.send_header("Content-Security-Policy", self.server.policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if with_body:
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: requests to the demo shop are of no interest."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m praxtalk.demo_shop")
    parser.add_argument("--bind", required=True, help="the address to listen on")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", required=True, help="origin of the widget, such as http://127.0.0.1:8000")
    parser.add_argument("--widget-id", required=True)
    options = parser.parse_args()
    with bound_socket(options.bind, options.port) as listening_socket:
        listening_socket.listen(BACKLOG)
        ShopServer(listening_socket, host=options.host, widget_id=options.widget_id).serve_forever()


if __name__ == "__main__":
    main()
