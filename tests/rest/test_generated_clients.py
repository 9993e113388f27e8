"""Clients that the usual generators make of docs/openapi.json: they compile, and read and write at a running server.

Generated with each generator's defaults, into a temporary folder. The programs that use them are in tests/rest/clients/.
"""

import json
import os
import shutil
import subprocess
import sys
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

import pytest
from django.utils import timezone

from conversations.actions import assign, set_status
from conversations.models import Message
from integrations.actions.api_keys import create_key
from leads.models import Lead
from praxtalk.core.epoch import to_milliseconds
from tests.conftest import make_talk
from tests.live.conftest import MODULES, need_node
from tests.servers import PROJECT, WEB, Server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.live]

DOCUMENT = PROJECT / "docs/openapi.json"
CLIENTS = Path(__file__).resolve().parent / "clients"
TIMEOUT = 240
MAX_INT32 = 2**31 - 1


def run(*command, cwd, **environment):
    """What the command prints. Fails with all of its output."""
    result = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]
    return result.stdout


def need(tool, package):
    """Skips where there is no such program, but not in CI."""
    if not shutil.which(tool):
        missing = f"no {tool} here (apt-get install {package})"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)


def openapi_generator(language, folder):
    need("java", "default-jre-headless")
    jar = Path(find_spec("openapi_generator_cli").origin).with_name("openapi-generator.jar")
    log = run("java", "-jar", jar, "generate", "-g", language, "-i", DOCUMENT, "-o", folder, cwd=folder.parent)
    assert "FILEPATH_COLLISION" not in log


def made_for_go(folder):
    """The program is compiled with the standard library alone."""
    need("go", "golang-go")
    openapi_generator("go", folder)
    shutil.rmtree(folder / "test")
    (folder / "go.mod").write_text("module praxtalk\n\ngo 1.18\n")
    (folder / "program").mkdir()
    shutil.copy(CLIENTS / "main.go", folder / "program")
    offline = {"GOCACHE": str(PROJECT / ".data/go"), "GOPROXY": "off", "GOFLAGS": "-mod=mod"}
    run("go", "build", "-o", "client", "./program", cwd=folder, **offline)
    return [folder / "client"]


def made_for_python(folder):
    openapi_generator("python", folder)
    run(sys.executable, "-m", "compileall", "-q", "openapi_client", cwd=folder)
    shutil.copy(CLIENTS / "openapi_generator.py", folder)
    return [sys.executable, folder / "openapi_generator.py"]


def made_by_openapi_python_client(folder):
    folder.mkdir()
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # it formats with ruff
    package = folder / "praxtalk_client"
    options = ("--path", DOCUMENT, "--output-path", package, "--meta", "none", "--fail-on-warning")
    run(Path(sys.executable).parent / "openapi-python-client", "generate", *options, cwd=folder, PATH=tools)
    run(sys.executable, "-m", "compileall", "-q", package, cwd=folder)
    shutil.copy(CLIENTS / "openapi_python_client.py", folder)
    return [sys.executable, folder / "openapi_python_client.py"]


def made_for_typescript(folder):
    need_node()
    folder.mkdir()
    (folder / "node_modules").symlink_to(MODULES.resolve())
    (folder / "package.json").write_text('{"type": "module"}')
    run(MODULES / ".bin/openapi-typescript", DOCUMENT, "--output", folder / "schema.ts", cwd=folder)
    shutil.copy(CLIENTS / "openapi_fetch.ts", folder)
    strict = "--strict --noUncheckedIndexedAccess --skipLibCheck --types node"
    modules = "--target es2022 --module esnext --moduleResolution bundler"
    run(MODULES / ".bin/tsc", *strict.split(), *modules.split(), "openapi_fetch.ts", cwd=folder)
    return ["node", folder / "openapi_fetch.js"]


GENERATORS = {
    "openapi-generator, Go": made_for_go,
    "openapi-generator, Python": made_for_python,
    "openapi-python-client": made_by_openapi_python_client,
    "openapi-typescript": made_for_typescript,
}


@pytest.fixture(scope="module")
def server(django_db_setup):
    with Server(*WEB, WEB_PROCESSES="1") as running:
        yield running


@pytest.mark.parametrize("generator", GENERATORS)
def test_generated_client_reads_and_writes(cast, server, tmp_path, generator):
    program = GENERATORS[generator](tmp_path / "made")
    wakes = timezone.now() + timedelta(days=30)
    snoozed = set_status(make_talk(cast.south), status="snoozed", snoozed_until=wakes)
    talk = assign(make_talk(cast.north, body="Do you ship?"), operator=cast.alice)
    first = talk.messages.get()
    _, secret = create_key(cast.acme, name="generated", scope="write")

    told = json.loads(run(*program, cwd=tmp_path, BASE=server.url, KEY=secret))

    message, lead = Message.objects.get(conversation=talk, role="operator"), Lead.objects.get()
    assert message.body == "Hello from a client"
    row = {"status": "open", "assignee": "Alice", "snoozedUntil": 0, "updatedAt": to_milliseconds(talk.updated_at)}
    other = {"status": "snoozed", "assignee": "", "snoozedUntil": to_milliseconds(wakes)}
    assert told["listed"] == [
        {"id": str(talk.pk)} | row,
        {"id": str(snoozed.pk), "updatedAt": to_milliseconds(snoozed.updated_at)} | other,
    ]
    assert MAX_INT32 < told["syncedAt"] < to_milliseconds(message.created_at)
    assert told["again"] == 1
    assert told["thread"] == ["North", "Do you ship?", "visitor", to_milliseconds(first.created_at)]
    assert (told["messageId"], told["leadId"]) == (str(message.pk), str(lead.pk))
    assert told["lead"] == [str(lead.pk), "maya@acme.example", "new", to_milliseconds(lead.created_at)]
    assert told["event"] == ["lead.created", "Maya", to_milliseconds(lead.updated_at)]
    assert told["refusal"] == "Not found."
