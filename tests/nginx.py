"""An nginx in front of the server, which responds to some requests with errors, as proxies and firewalls do."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import urllib.request

import psutil
import pytest

from tests.live.driver import wait_for
from tests.servers import free_port

NGINX = "/usr/sbin/nginx"
CONFIGURATION = """
daemon off; {user} pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  client_max_body_size {max_body};
  map $content_length $is_long {{ default 0; "~^[0-9]{{4,}}$" 1; }}
  server {{
    listen 127.0.0.1:{port};
    {rules}
    location / {{ {passing} }}
  }}
}}
"""
PASS = """
      proxy_pass http://127.0.0.1:{target};
      proxy_http_version 1.1;
      proxy_set_header Host $host:$server_port;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $http_connection;
      proxy_set_header X-Forwarded-For $remote_addr;
"""
LONG_BODY = "$is_long"  # bodies of 1,000 bytes and more
ANY_POST = "$request_method = POST"


class Nginx:
    """Use as `with Nginx(target_port, folder) as nginx:`; clients connect to `nginx.url`."""

    def __init__(self, target, folder):
        self.target, self.folder, self.port = target, folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process, self.generation = None, 0

    def __enter__(self):
        self._write("", "20m")
        self.start()
        return self

    def __exit__(self, *args):
        self.stop()

    def start(self):
        command = [NGINX, "-p", self.folder, "-c", self.folder / "nginx.conf", "-e", self.folder / "error.log"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self._answers, "nginx does not start", 20)

    def stop(self):
        """Stop nginx: all connections end, and nothing listens on the port."""
        if self.process:
            self.process.terminate()
            self.process.wait(20)
        self.process = None

    def limit_bodies(self, size):
        """Limit the size of bodies, as "1m"; nginx rejects larger ones with 413.

        Pages of another origin cannot read that response: their fetch() fails.
        """
        self._set("", size)

    def respond_with(self, status, *, when=ANY_POST, readable=False, path="/widget/v1/messages"):
        """Respond to matching requests, by default visitors' messages, with nginx's error page of this status.

        readable: pages of another origin may read the response.
        """
        header = "add_header Access-Control-Allow-Origin * always;" if readable else ""
        rule = f"if ({when}) {{ {header} return {status}; }}"
        self._set(f"location = {path} {{ {rule} {PASS.format(target=self.target)} }}", "20m")

    def forward_all(self):
        """Forward every request to the server, as at the start."""
        self._set("", "20m")

    def _set(self, rules, max_body):
        """Apply new rules and wait until they are active. Open connections keep the old rules."""
        self._write(rules, max_body)
        workers = psutil.Process(self.process.pid).children()
        self.process.send_signal(signal.SIGHUP)
        has_stopped = lambda: not any(accepts_connections(worker) for worker in workers)  # noqa: E731
        wait_for(has_stopped, "nginx does not stop its old workers", 20)
        is_new = lambda: self._generation() == self.generation  # noqa: E731
        wait_for(is_new, "nginx does not take its new configuration", 20)

    def _generation(self):
        """Return the number of the configuration that serves a new connection."""
        with urllib.request.urlopen(f"{self.url}/generation", timeout=5) as response:
            return int(response.read())

    def _answers(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def _write(self, rules, max_body):
        self.generation += 1
        rules += f' location = /generation {{ return 200 "{self.generation}"; }}'
        passing = PASS.format(target=self.target)
        user = "user root;" if os.geteuid() == 0 else ""  # the user who may write to the test's folder
        text = CONFIGURATION.format(
            user=user, folder=self.folder, port=self.port, rules=rules, max_body=max_body, passing=passing
        )
        (self.folder / "nginx.conf").write_text(text)


def accepts_connections(worker):
    """Return whether a worker process still does. One that was told to stop says so in its title until it ends."""
    with contextlib.suppress(psutil.Error):
        return "shutting down" not in " ".join(worker.cmdline()) and worker.status() != psutil.STATUS_ZOMBIE
    return False


@pytest.fixture
def nginx_in_front(tmp_path):
    """Return a function that starts an Nginx in front of a port."""
    if not shutil.which(NGINX):
        missing = "no nginx here (apt-get install nginx-light)"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    with contextlib.ExitStack() as stack:
        yield lambda port: stack.enter_context(Nginx(port, tmp_path))
