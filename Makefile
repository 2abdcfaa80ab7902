# Two commands matter: `make run` (everything, on embedded servers) and `make test`.
# They need Python 3.11 or newer, and nothing else. `make help` lists the rest.

SHELL := /bin/sh
UV_VERSION := 0.13.8
UV := $(shell command -v uv 2>/dev/null || echo .local/uv/bin/uv)
PYTHON := $(firstword $(shell for p in python3.13 python3.12 python3.11 python3; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p; done))
NEED_PYTHON = test -n "$(PYTHON)" || { echo "OmniCRM needs Python 3.11, 3.12 or 3.13; install one and run this again."; exit 1; }
PY := .venv/bin/python
MANAGE := $(PY) manage.py
RUNNABLE := .venv/.runnable
INSTALLED := .venv/.installed
TEMPLATES := find templates */templates -name '*.html' -print0 2>/dev/null
LOCK := $(UV) pip compile pyproject.toml --universal --generate-hashes --no-emit-index-url --no-header --no-annotate -q

.PHONY: help install run test e2e lint types imports migrations audit check fmt bench proof screenshots lock seed reset
.DEFAULT_GOAL := help
unexport PYTHONDONTWRITEBYTECODE  # where it is set, every start is as slow as the first

help: ## this list
	@grep -hE '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.local/uv/bin/uv:
	@$(NEED_PYTHON)
	@$(PYTHON) -m venv .local/uv || { echo "Python's venv module is missing; on Debian: apt-get install python3-venv"; exit 1; }
	@.local/uv/bin/python -m pip install -q --disable-pip-version-check "uv==$(UV_VERSION)"

$(PY): | $(filter .local/%,$(UV))
	@$(NEED_PYTHON)
	@$(UV) venv -q --clear --python "$$(command -v $(PYTHON))" .venv

ifneq ($(shell test -x $(PY) && echo there),there)  # a Python that went away takes with it what was installed
.PHONY: $(RUNNABLE) $(INSTALLED)
endif

$(RUNNABLE): requirements/local.txt | $(PY)
	@echo "Installing what requirements/local.txt names."
	@$(UV) pip install -q --require-hashes --python $(PY) -r requirements/local.txt
	@touch $@

$(INSTALLED): requirements/dev.txt | $(PY)
	@echo "Installing what requirements/dev.txt names."
	@$(UV) pip sync -q --require-hashes --python $(PY) requirements/dev.txt
	@touch $@ $(RUNNABLE)

install: $(INSTALLED) ## the virtual environment, exactly as locked, with what the tests need

run: $(RUNNABLE) ## Postgres, Valkey, migrations, web, worker and beat in the foreground; PORT=8000
	@exec $(MANAGE) up

test: $(INSTALLED) ## all tests, on servers of their own; ARGS="-k undo" picks some
	@$(PY) -m pytest -n 3 --dist loadgroup $(ARGS)

e2e: $(INSTALLED) ## the tests in a browser
	@$(PY) -m pytest -m e2e $(ARGS)

proof: $(INSTALLED) ## all that shows our promises, the long tests too, into RELIABILITY.md; ARGS="--promise undo"
	@$(PY) -m pytest -m "promise or proof" $(ARGS)

bench: $(INSTALLED) ## measurements, with the machine they were taken on; ARGS=gigabyte imports one
	@$(PY) -m bench $(ARGS)

check: lint types imports migrations audit ## everything before a push, but the tests

lint: $(INSTALLED) ## style and format of Python and templates
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(TEMPLATES) | xargs -0 -r .venv/bin/djade --check --target-version 5.2

types: $(INSTALLED) ## mypy, strict
	@$(PY) -m mypy

imports: $(INSTALLED) ## which app may import which
	@.venv/bin/lint-imports

migrations: $(INSTALLED) ## whether a model changed without its migration
	@$(MANAGE) makemigrations --check --dry-run

audit: $(INSTALLED) ## known weaknesses in our code and in what we install; AUDIT=strict fails where none can be looked up
	@AUDIT=$(AUDIT) $(PY) .ci/audit.py

fmt: $(INSTALLED) ## format, and mend what can be mended
	@$(PY) -m ruff check --fix -q . ; $(PY) -m ruff format .
	@$(TEMPLATES) | xargs -0 -r .venv/bin/djade --target-version 5.2

seed: $(RUNNABLE) ## a demonstration account to click through
	@$(MANAGE) migrate --verbosity 0
	@$(MANAGE) seed_demo

screenshots: $(INSTALLED) ## pictures of every page, for the documentation
	@$(PY) -m pytest -m e2e -k screenshot $(ARGS)

lock: | $(filter .local/%,$(UV)) ## resolve requirements/*.txt anew from pyproject.toml
	@$(LOCK) -o requirements/base.txt
	@$(LOCK) --group local -c requirements/base.txt -o requirements/local.txt
	@$(LOCK) --group local --group dev -c requirements/base.txt -o requirements/dev.txt

reset: ## remove the local data: database, files, logs
	@if test -x $(PY); then $(PY) -m omnicrm.embedded.reset; fi
