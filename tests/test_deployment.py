"""Production deployment files, checked as far as possible without a container engine."""

import json
import os
import re
import shutil
import subprocess
import urllib.request
from pathlib import Path

import pytest
import yaml

from praxtalk.management.commands.serve import PARTS
from tests.servers import Server

ROOT = Path(__file__).resolve().parent.parent
OPERATIONS = (ROOT / "docs/operations.md").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
CADDYFILE = (ROOT / "Caddyfile").read_text()
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SETTINGS = set(re.findall(r"^\| `([A-Z_]+)` \|", OPERATIONS, re.MULTILINE))
CADDY_VARIABLES = set(re.findall(r"\{\$([A-Z_]+)", CADDYFILE))


def parts_of(command):
    """Return the parts named by the command `serve --only PARTS`, which is a list of words."""
    return set(command[command.index("--only") + 1].split(","))


def test_compose_runs_every_part_once():
    services = COMPOSE["services"]
    commands = [service["command"] for service in services.values() if service.get("command", [""])[0] == "serve"]
    parts = [part for command in commands for part in parts_of(command)]
    assert sorted([*parts, "front"]) == sorted(PARTS)
    assert services["migrate"]["command"] == ["migrate"]


def test_compose_is_consistent():
    services, volumes = COMPOSE["services"], COMPOSE["volumes"]
    for name, service in services.items():
        assert set(service.get("depends_on", ())) <= set(services), name
        for volume in service.get("volumes", ()):
            assert volume.split(":")[0] in volumes, name
        if "build" in service:
            assert f"AS {service['build']['target']}\n" in DOCKERFILE, name
    for name in ("web", "sockets", "worker", "beat", "migrate"):
        service = services[name]
        assert set(service["environment"]) <= SETTINGS
        assert service["read_only"] is True
        assert (
            service["environment"]["TRUSTED_PROXIES"] == COMPOSE["networks"]["default"]["ipam"]["config"][0]["subnet"]
        )
    assert set(services["front"]["environment"]) <= CADDY_VARIABLES
    used = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "compose.yaml").read_text()))
    assert used == set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


def test_image_contains_every_package_and_runs_as_non_root():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    packages = {path.split("/")[0] for path in tracked if re.fullmatch(r"\w+/__init__\.py", path)} - {"bench", "tests"}
    copied = set(re.findall(r"^COPY (\w+) \1$", DOCKERFILE, re.MULTILINE))
    assert packages | {"templates", "static"} == copied
    app = DOCKERFILE.split("AS app\n")[1].split("\nFROM ")[0]
    assert app.index("USER praxtalk") < app.index("ENTRYPOINT")
    assert (
        set(re.findall(r"^\s*(?:ENV )?.*?\b(HOST|PORT|DATA_DIR|STATIC_ROOT|LOG_FORMAT)=", app, re.MULTILINE))
        <= SETTINGS
    )


def test_procfile_runs_every_part_once():
    commands = dict(re.findall(r"^(\w+): (.+)$", (ROOT / "Procfile").read_text(), re.MULTILINE))
    assert commands.pop("release") == "python manage.py migrate"
    parts = [part for command in commands.values() for part in parts_of(command.split())]
    assert sorted(parts) == sorted(PARTS)


@pytest.mark.skipif(not shutil.which("systemd-analyze") and not os.environ.get("CI"), reason="no systemd here")
def test_systemd_unit_is_valid(tmp_path):
    unit = (ROOT / "deploy/praxtalk.service").read_text()
    assert "/opt/praxtalk/.venv/bin/python manage.py serve" in unit
    path = tmp_path / "praxtalk.service"
    path.write_text(unit.replace("/opt/praxtalk", str(ROOT)))
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(path)], capture_output=True, text=True, check=False
    )
    assert "praxtalk.service" not in checked.stderr, checked.stderr
    assert checked.returncode == 0, checked.stderr


@pytest.mark.slow
@pytest.mark.live
@pytest.mark.django_db(transaction=True)
def test_packages_installed_in_the_image_can_serve(tmp_path, tenants):
    """Runs the installation steps of the image with a temporary folder instead of /srv, then a web server from the
    installed packages."""
    for step in ("packages", "files"):
        result = subprocess.run(
            ["deploy/install.sh", step, str(tmp_path)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
        assert result.returncode == 0, result.stderr
    assert list((tmp_path / "static/dashboard").glob("tokens.*.css"))
    assert not (tmp_path / "venv/bin/pytest").exists()
    server = Server("--only", "web", WEB_PROCESSES="1")
    server.command = (str(tmp_path / "venv/bin/python"), "manage.py", "serve")
    with server, urllib.request.urlopen(f"{server.url}/readyz", timeout=20) as response:
        assert json.loads(response.read())["status"] == "ok"


@pytest.mark.parametrize("name", ["requirements", "requirements-embedded", "requirements-dev", "requirements-docs"])
def test_lock_files_contain_all_pinned_versions_with_hashes(name):
    pinned = set()
    waiting = [name]
    while waiting:
        text = (ROOT / f"{waiting.pop()}.txt").read_text()
        waiting += [other.removesuffix(".txt") for other in re.findall(r"^-r (\S+)$", text, re.MULTILINE)]
        pinned |= {normalise(line) for line in re.findall(r"^([\w\[\],.-]+==[\w.]+)", text, re.MULTILINE)}
    lock = (ROOT / f"{name}.lock").read_text()
    locked = {normalise(line) for line in re.findall(r"^([\w\[\],.-]+==[\w.]+)", lock, re.MULTILINE)}
    assert pinned <= locked
    entries = re.split(r"^(?=\w)", lock, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in entry for entry in entries)


def normalise(requirement):
    """Normalise `Name[extra]==1` to `name==1`."""
    return re.sub(r"\[.*?\]", "", requirement).lower().replace("_", "-")
