"""Every command in the README and the Makefile, run as a reader would. `make test` is this suite; CI runs `make lint`."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from praxtalk import devservices
from tests.servers import free_port
from tests.serving.devservices import wait_for_end

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
IN_CI = ("test-all", "lint")
UP_SECONDS = 150

pytestmark = pytest.mark.live


def own_environment(**more):
    """Return the environment without the suite's services, so that a command starts its own, as for a reader."""
    names = (
        "DATABASE_URL",
        "REDIS_URL",
        "SECRET_KEY",
        "ENCRYPTION_KEYS",
        "DJANGO_SETTINGS_MODULE",
        "ATTACHMENTS_DIR",
        "STATIC_ROOT",
    )
    left = {name: value for name, value in os.environ.items() if name not in (*names, *devservices.VARIABLES)}
    return left | {"WEBHOOK_ALLOW_CIDRS": "127.0.0.0/8,::1/128"} | more


def run(*command, cwd=ROOT, seconds=120, **environment):
    return subprocess.run(
        command,
        cwd=cwd,
        env=own_environment(**environment),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def test_help_names_every_target():
    (targets,) = re.findall(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)
    for command in (("make",), ("make", "help")):
        shown = run(*command).stdout
        assert set(re.findall(r"^make ([\w-]+)", shown, re.MULTILINE)) == set(targets.split()) - {"help"}
    for target in IN_CI:
        assert f"make {target}" in (ROOT / ".ci/run").read_text()


@pytest.fixture
def copy(tmp_path):
    """Copy the repository's files to a temporary folder that uses the installed packages of this one."""
    names = run("git", "ls-files", "-z").stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
    for name in (
        "requirements-dev.lock",
        "requirements-embedded.lock",
        "requirements-docs.lock",
        "tests/live/package-lock.json",
    ):
        os.utime(tmp_path / name, (0, 0))  # so that make considers the installed packages up to date
    (tmp_path / ".venv").symlink_to((ROOT / ".venv").resolve())
    (tmp_path / "tests/live/node_modules").symlink_to((ROOT / "tests/live/node_modules").resolve())
    return tmp_path


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("npm") and not os.environ.get("CI"), reason="no npm here")
@pytest.mark.parametrize("target", ["format", "icons", "openapi", "widget"])
def test_generated_and_formatted_files_are_up_to_date(copy, target):
    result = run("make", target, cwd=copy)
    assert result.returncode == 0, result.stdout + result.stderr
    for name in filter(None, run("git", "ls-files", "-z").stdout.split("\0")):
        if (ROOT / name).is_file():
            assert (copy / name).read_bytes() == (ROOT / name).read_bytes(), name


@pytest.mark.slow
def test_make_lock_keeps_the_locked_versions(copy):
    """Hashes may differ: projects may publish further files for a version later."""
    result = run("make", "lock", cwd=copy)
    assert result.returncode == 0, result.stdout + result.stderr
    for name in ("requirements.lock", "requirements-embedded.lock", "requirements-dev.lock", "requirements-docs.lock"):
        versions = [
            [line for line in (folder / name).read_text().splitlines() if "==" in line] for folder in (ROOT, copy)
        ]
        assert versions[0] == versions[1], name


@pytest.mark.slow
def test_docs_builds_the_site(copy):
    result = run("make", "docs", cwd=copy, seconds=300)
    assert result.returncode == 0, result.stdout + result.stderr
    for page in sorted((ROOT / "docs").rglob("*.md")):
        name = str(page.relative_to(ROOT / "docs").with_suffix("")).removesuffix("README").removesuffix("index")
        assert (copy / ".data/site" / name / "index.html").exists(), page.name
    assert not re.search(r'(?:src|href)="https://[^"]+\.(?:js|css)"', (copy / ".data/site/index.html").read_text())


@pytest.mark.slow
def test_every_benchmark_runs_with_quick():
    result = run("make", "bench", "ARGS=--quick", seconds=590)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    for part in ("rest", "webhooks", "live", "widget", "inbox"):
        assert f"bench.{part}: done" in result.stderr
    assert "the baseline" in result.stderr
    assert "socket.io" in result.stdout


def test_benchmarks_name_missing_programs(tmp_path):
    (tmp_path / "node").symlink_to(shutil.which("true"))
    result = run(sys.executable, "-m", "bench", PATH=str(tmp_path))
    assert result.returncode == 2
    assert "npm: npm, to install their packages (apt-get install npm)" in result.stderr
    assert "node:" not in result.stderr


def test_make_faults_starts():
    """A short run of the fault tests is in tests/webhooks/test_faults.py."""
    result = run("make", "faults", "ARGS=--help")
    assert result.returncode == 0
    assert "--short" in result.stdout


class Terminal:
    """A command that runs until it is stopped, and its output."""

    def __init__(self, command, log, **environment):
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )

    @property
    def text(self):
        return self.log.read_text()

    def wait_for(self, *words):
        deadline = time.monotonic() + UP_SECONDS
        while not all(word in self.text for word in words):
            assert self.process.poll() is None, self.text
            assert time.monotonic() < deadline, self.text
            time.sleep(0.1)

    def stop(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(60)


@pytest.fixture
def praxtalk(tmp_path):
    """Run `make run` on a free port with a temporary data folder."""
    port = free_port()
    with (
        tempfile.TemporaryDirectory() as folder
    ):  # as root, PostgreSQL runs as another user, who may not enter tmp_path
        data = Path(folder, "data")
        environment = own_environment(PORT=str(port), DATA_DIR=str(data))
        terminal = Terminal(["make", "run"], tmp_path / "run.log", **environment)
        terminal.environment, terminal.url, terminal.data = environment, f"http://127.0.0.1:{port}", data
        try:
            terminal.wait_for("Up after")
            yield terminal
        finally:
            terminal.stop()
            wait_for_end(data)


def shell_blocks(heading):
    """Return the shell code blocks under a heading of the README."""
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"```sh\n(.+?)```", section, re.DOTALL)


def test_readme_works_from_make_run_to_a_signed_webhook(praxtalk, tmp_path):
    def shell(script, receiver_port=9000):
        for before, after in {
            "http://127.0.0.1:8000": praxtalk.url,
            ".data/demo.json": str(praxtalk.data / "demo.json"),
            "http://127.0.0.1:9000": f"http://127.0.0.1:{receiver_port}",
            ".venv/bin/python": sys.executable,
        }.items():
            script = script.replace(before, after)
        result = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=ROOT,
            env=praxtalk.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert result.returncode == 0, script + result.stdout + result.stderr
        return result.stdout

    for line in ("Dashboard   ", "API key     ", "Live token  ", "Demo shop   ", "Reference   "):
        assert line in praxtalk.text
        assert line in README
    assert '"conversations":[' in shell(re.search(r"curl .+", praxtalk.text)[0])
    (session,) = shell_blocks("A first session")
    answered = shell(session)
    assert re.search(r'\{"messageId":"[0-9a-f-]{36}"\}\{"ok":true\}$', answered.strip())
    make_receiver, write = shell_blocks("See a signed webhook arrive")
    create, receive = make_receiver.strip().splitlines()
    port = free_port()
    secret = re.search(r"whsec_\S+", shell(create, port))[0]
    command = [
        *receive.replace("<secret>", secret).replace(".venv/bin/python", sys.executable).split(),
        "--port",
        str(port),
    ]
    receiver = Terminal(command, tmp_path / "receiver.log", **praxtalk.environment)
    try:
        time.sleep(2)
        shell(write)
        receiver.wait_for("conversation.created, signature valid", "message.created, signature valid")
    finally:
        receiver.stop()
