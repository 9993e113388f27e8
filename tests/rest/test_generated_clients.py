"""Clients that common generators create from docs/openapi.json compile, and can read from and write to a running server.

The clients are generated with each generator's defaults into a temporary folder. The programs that use them are in
tests/rest/clients/.
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
from tests.conftest import make_conversation
from tests.live.conftest import MODULES, need_node
from tests.servers import PROJECT

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.live, pytest.mark.slow]

DOCUMENT = PROJECT / "docs/openapi.json"
CLIENTS = Path(__file__).resolve().parent / "clients"
TIMEOUT = 240
MAX_INT32 = 2**31 - 1


def run(*command, cwd, **environment):
    """Run a command and return its standard output.

    If the command fails, the test fails and shows the end of its output.
    """
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


def require_tool(tool, package):
    """Skip the test if the program is not installed. In CI the test fails instead."""
    if not shutil.which(tool):
        missing = f"no {tool} here (apt-get install {package})"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)


def run_openapi_generator(language, folder):
    require_tool("java", "default-jre-headless")
    jar = Path(find_spec("openapi_generator_cli").origin).with_name("openapi-generator.jar")
    log = run("java", "-jar", jar, "generate", "-g", language, "-i", DOCUMENT, "-o", folder, cwd=folder.parent)
    assert "FILEPATH_COLLISION" not in log


def build_go_client(folder):
    """Compile the Go program, with no module but the generated client and the standard library."""
    require_tool("go", "golang-go")
    run_openapi_generator("go", folder)
    shutil.rmtree(folder / "test")
    (folder / "go.mod").write_text("module praxtalk\n\ngo 1.18\n")
    (folder / "program").mkdir()
    shutil.copy(CLIENTS / "main.go", folder / "program")
    offline = {"GOCACHE": str(PROJECT / ".data/go"), "GOPROXY": "off", "GOFLAGS": "-mod=mod"}
    run("go", "build", "-o", "client", "./program", cwd=folder, **offline)
    return [folder / "client"]


def build_python_client(folder):
    run_openapi_generator("python", folder)
    run(sys.executable, "-m", "compileall", "-q", "openapi_client", cwd=folder)
    shutil.copy(CLIENTS / "openapi_generator.py", folder)
    return [sys.executable, folder / "openapi_generator.py"]


def build_openapi_python_client(folder):
    folder.mkdir()
    # The generator formats its output with ruff, which it looks for in PATH.
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    package = folder / "praxtalk_client"
    options = ("--path", DOCUMENT, "--output-path", package, "--meta", "none", "--fail-on-warning")
    run(Path(sys.executable).parent / "openapi-python-client", "generate", *options, cwd=folder, PATH=tools)
    run(sys.executable, "-m", "compileall", "-q", package, cwd=folder)
    shutil.copy(CLIENTS / "openapi_python_client.py", folder)
    return [sys.executable, folder / "openapi_python_client.py"]


def build_typescript_client(folder):
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
    "openapi-generator, Go": build_go_client,
    "openapi-generator, Python": build_python_client,
    "openapi-python-client": build_openapi_python_client,
    "openapi-typescript": build_typescript_client,
}


@pytest.mark.parametrize("generator", GENERATORS)
def test_a_generated_client_compiles_reads_and_writes(tenants, server, tmp_path, generator):
    program = GENERATORS[generator](tmp_path / "made")
    wakes = timezone.now() + timedelta(days=30)
    snoozed = set_status(make_conversation(tenants.south), status="snoozed", snoozed_until=wakes)
    conversation = assign(make_conversation(tenants.north, body="Do you ship?"), operator=tenants.alice)
    first = conversation.messages.get()
    _, secret = create_key(tenants.acme, name="generated", scope="write")

    output = json.loads(run(*program, cwd=tmp_path, BASE=server.url, KEY=secret))

    message, lead = Message.objects.get(conversation=conversation, role="operator"), Lead.objects.get()
    assert message.body == "Hello from a client"
    row = {
        "status": "open",
        "assignee": "Alice",
        "snoozedUntil": 0,
        "updatedAt": to_milliseconds(conversation.updated_at),
    }
    other = {"status": "snoozed", "assignee": "", "snoozedUntil": to_milliseconds(wakes)}
    assert output["listed"] == [
        {"id": str(conversation.pk)} | row,
        {"id": str(snoozed.pk), "updatedAt": to_milliseconds(snoozed.updated_at)} | other,
    ]
    assert MAX_INT32 < output["syncedAt"] < to_milliseconds(message.created_at)
    assert output["again"] == 1
    assert output["thread"] == ["North", "Do you ship?", "visitor", to_milliseconds(first.created_at)]
    assert (output["messageId"], output["leadId"]) == (str(message.pk), str(lead.pk))
    assert output["lead"] == [str(lead.pk), "maya@acme.example", "new", to_milliseconds(lead.created_at)]
    assert output["event"] == ["lead.created", "Maya", to_milliseconds(lead.updated_at)]
    assert output["refusal"] == "Not found."
