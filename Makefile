# One word per chore. `make run` and `make test` set up all they need.
PYTHON ?= python3
BIN := .venv/bin
# Well-formed settings for commands that load them and connect to nothing.
UNCONNECTED := SECRET_KEY=not-a-secret-but-as-long-as-one-has-to-be-for-checks ENCRYPTION_KEYS=k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= \
	DATABASE_URL=postgresql://unconnected/none REDIS_URL=redis://unconnected
# Without npm the tests that need Node skip, but fail in CI; scripts and styles are not checked.
CLIENTS := $(if $(shell command -v npm),tests/live/node_modules/.installed)
NODE := tests/live/node_modules/.bin
.DEFAULT_GOAL := help
# Python's own cache of compiled modules halves the time that each process takes to start.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help run test test-slow test-all lint format widget icons openapi docs lock bench faults

help:
	@echo "make run     everything up on http://127.0.0.1:8000, with a demo workspace"
	@echo "make test    the tests of every promise, on real PostgreSQL and Valkey"
	@echo "make test-slow  faults, older clients, generated requests, Firefox, killed servers"
	@echo "make test-all   both in one run, as in CI"
	@echo "make lint    style, types, import directions, migrations, deployment checks"
	@echo "make format  rewrite Python, templates, scripts and styles in the project's style"
	@echo "make widget  bundle widget/frontend into static/widget, which is committed"
	@echo "make icons   write static/dashboard/icons.svg, the sprite of the dashboard's icons"
	@echo "make openapi write docs/openapi.json, and the types that the inbox shares with it"
	@echo "make docs    build the documentation as a site in .data/site, and fail on broken links"
	@echo "make lock    write the requirements*.lock files again, with the hashes of all packages"
	@echo "make bench   REST beside a baseline, webhooks beside a Celery task for each, live queries beside socket.io, the widget, the inbox (quick: make bench ARGS=--quick)"
	@echo "make faults  five minutes of webhooks while workers are killed and Valkey is stopped"

# uv installs in seconds what takes pip a minute. It is installed by pip, with the hashes of requirements-dev.lock. Where uv does
# not get through, as behind a mirror that only pip's settings name, pip does it.
INSTALL = $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r $(1) || \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(1)

.venv/runs: requirements-embedded.lock
	@echo "Installing what PraxTalk runs on (10 to 60 seconds) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@sed -n '/^uv==/,/[^\\]$$/p' requirements-dev.lock > .venv/uv.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.lock || true
	@$(call INSTALL,requirements-embedded.lock)
	@touch $@

.venv/tests: .venv/runs requirements-dev.lock
	@echo "Installing what the tests need (10 to 60 seconds) ..."
	@$(call INSTALL,requirements-dev.lock)
	@touch $@

tests/live/node_modules/.installed: tests/live/package-lock.json
	@echo "Installing the clients that the tests run (about 10 seconds) ..."
	@npm ci --prefix tests/live --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

run: .venv/runs
	@exec $(BIN)/python manage.py devservices sh -c '$(BIN)/python manage.py bootstrap && exec $(BIN)/python manage.py serve'

PYTEST = $(BIN)/python -m pytest -n auto

test: .venv/tests $(CLIENTS)
	@$(PYTEST) -m "not slow" $(ARGS)

test-slow: .venv/tests $(CLIENTS)
	@$(PYTEST) -m slow $(ARGS)

test-all: .venv/tests $(CLIENTS)
	@$(PYTEST) $(ARGS)

lint: .venv/tests $(CLIENTS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/djhtml --check templates
	$(if $(CLIENTS),$(NODE)/biome check --error-on-warnings,@echo "No npm: scripts and styles are not checked.")
	$(if $(CLIENTS),$(NODE)/tsc --project jsconfig.json)
	$(UNCONNECTED) $(BIN)/mypy
	PYTHONPATH=. $(BIN)/lint-imports
	$(BIN)/python manage.py devservices $(BIN)/python manage.py makemigrations --check --dry-run
	$(UNCONNECTED) BASE_URL=https://chat.example.com $(BIN)/python manage.py check --deploy --fail-level WARNING
	$(UNCONNECTED) $(BIN)/python manage.py spectacular --validate --fail-on-warn --file .data/openapi.yaml

format: .venv/tests $(CLIENTS)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/djhtml templates
	$(if $(CLIENTS),$(NODE)/biome check --write)

widget: .venv/tests tests/live/node_modules/.installed
	@NODE_PATH=$(CURDIR)/tests/live/node_modules node widget/frontend/build.mjs
	@$(BIN)/python widget/frontend/compress.py

icons: .venv/tests
	@$(BIN)/python -m praxtalk.core.dashboard.icons

openapi: .venv/runs $(CLIENTS)
	@$(UNCONNECTED) $(BIN)/python manage.py spectacular --format openapi-json --file docs/openapi.json
	$(if $(CLIENTS),@node tests/live/openapi_types.mjs,@echo "No npm: static/dashboard/inbox/openapi.d.ts is not written.")

# An environment of its own: the versions of the site generator's packages must not influence those of the tests.
.venv/docs/.installed: requirements-docs.lock
	@echo "Installing what the documentation site needs (about 10 seconds) ..."
	@$(PYTHON) -m venv .venv/docs
	@.venv/docs/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-docs.lock
	@touch $@

docs: .venv/docs/.installed
	@NO_MKDOCS_2_WARNING=true .venv/docs/bin/python -m mkdocs build --quiet --strict --clean
	@echo "The site is in .data/site."

# For Python 3.11 to 3.14, on Linux and macOS.
lock: .venv/tests
	@for set in requirements requirements-embedded requirements-dev requirements-docs; do \
		$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
			--custom-compile-command "make lock" $$set.txt --output-file $$set.lock || exit 1; done

bench: .venv/tests
	@$(BIN)/python -m bench $(ARGS)

faults: .venv/tests
	@$(BIN)/python -m bench.faults $(ARGS)
