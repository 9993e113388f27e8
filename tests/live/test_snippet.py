"""The Agent SDK snippet, verbatim: it shows the inbox, keeps it up to date, and survives a server restart."""

import json
import os
import subprocess
import threading

import pytest

from conversations.actions import set_status
from conversations.models import Conversation
from tests.live.conftest import CLIENTS, MODULES, need_node
from tests.live.driver import wait_for
from tests.servers import WEB, Server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.live]

SNIPPET = CLIENTS / "seed_snippet.ts"


@pytest.fixture
def compile_snippet(tmp_path):
    """Return `compile_snippet(token)`, which compiles the TypeScript snippet with the token inserted."""
    need_node()

    def compiled(token):
        (tmp_path / "node_modules").symlink_to(MODULES)
        (tmp_path / "snippet.mts").write_text(SNIPPET.read_text().replace("<operator token>", token))
        options = ["--noCheck", "--target", "es2022", "--module", "nodenext"]
        subprocess.run([MODULES / ".bin/tsc", *options, "snippet.mts"], cwd=tmp_path, check=True, timeout=120)
        return tmp_path / "snippet.mjs"

    return compiled


class Inbox:
    """A running program that prints the inbox on every change."""

    def __init__(self, program, url):
        command = ["node", "--import", CLIENTS / "render_inbox.mjs", program]
        environment = os.environ | {"PRAXTALK_CONVEX_URL": url}
        self.shown = []
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.shown.append(json.loads(line))

    def until_first_preview_is(self, preview, patience=5):
        is_so = lambda: self.shown and self.shown[-1] and self.shown[-1][0]["preview"] == preview  # noqa: E731
        wait_for(is_so, lambda: self.shown[-1:], patience)
        assert self.process.poll() is None

    def end(self):
        self.process.kill()
        self.process.wait(5)
        self._reader.join(5)
        self.process.stdout.close()


@pytest.mark.slow
def test_snippet_runs_unchanged_and_survives_a_restart(compile_snippet, tenants, scene_on, newest):
    with Server(*WEB, WEB_PROCESSES="1") as server:
        scene = scene_on(server.url)
        inbox = Inbox(compile_snippet(scene.token), server.url)
        try:
            inbox.until_first_preview_is("Hello?", patience=60)
            scene.send_by_rest("by REST")
            inbox.until_first_preview_is("by REST")
            newest.open(server.url).mutate("messages:send", scene.in_conversation(body="by another client")).result()
            inbox.until_first_preview_is("by another client")
            scene.send_from_shell("by the shell")
            inbox.until_first_preview_is("by the shell")
            scene.rest("PATCH", f"/conversations/{scene.id}", {"status": "closed"})
            wait_for(lambda: inbox.shown[-1] == [], "A closed conversation is not in the open inbox.")
            newest.close_clients()
            server.kill()
            set_status(scene.conversation, status=Conversation.Status.OPEN)
            with Server(*WEB, WEB_PROCESSES="1", port=server.port):
                inbox.until_first_preview_is("by the shell", patience=60)
                scene.send_by_rest("after the restart")
                inbox.until_first_preview_is("after the restart")
        finally:
            inbox.end()
