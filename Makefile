# One command to run, one to test. `make help` lists the rest.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MANAGE := $(BIN)/python manage.py
STAMP := $(VENV)/.installed
FRONTEND := challenges/frontend
MODULES := var/frontend/sealing/digests.json
HOST ?= 127.0.0.1
PORT ?= 8000

.DEFAULT_GOAL := help
.PHONY: help install run test test-services test-drills check services format schema clean

help: ## Show the targets
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

$(STAMP): requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "需要 Python 3.11 或更高版本，当前为 " + sys.version.split()[0])'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $(STAMP)

# Under CI a failure counts; elsewhere the platform runs without (the page then points to the command-line sealer).
$(MODULES): $(STAMP) $(FRONTEND)/package-lock.json $(FRONTEND)/build.mjs $(FRONTEND)/build.py $(wildcard $(FRONTEND)/src/*.js challenges/static/challenges/js/*.js)
	@$(BIN)/python $(FRONTEND)/build.py $(@D) $(if $(CI),--required)

install: $(STAMP) $(MODULES) ## Virtual environment, packages, browser modules

# The printed accounts sign in with their password alone: made for a look, never for real data. Empty: as in production.
DEMO_WITHOUT_SECOND_FACTOR ?= 1
run: export DEMO_WITHOUT_SECOND_FACTOR := $(DEMO_WITHOUT_SECOND_FACTOR)
run: export SITE_ADDRESS := $(or $(SITE_ADDRESS),http://$(HOST):$(PORT))
run: install ## Start everything at http://127.0.0.1:8000 with demo data on first use
	@$(MANAGE) prepare --demo
	@exec $(MANAGE) serve --host $(HOST) --port $(PORT)

test: install ## Everything, on the embedded default
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

DRILLS := tests/production/test_drills.py tests/search/test_drills.py tests/challenges/test_seal_processes.py
#: What no server changes, and `make test` has run: the sealing library knows no database, pages look the same, the
#: demonstration is made for the embedded default.
NO_SERVER := tests/challenges/sealing tests/demo tests/e2e/test_accessibility.py tests/e2e/test_api_docs.py tests/e2e/test_signing_in.py tests/e2e/test_waiting.py
#: What waits for, kills or measures processes runs by itself, one after the other.
ALONE := tests/production $(DRILLS)

test-services: install ## The whole suite on real servers (`make services` first, then `eval "$$(drills/services env)"`)
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(ALONE:%=--ignore %) $(NO_SERVER:%=--ignore %) $(ARGS)
	@$(BIN)/python -m pytest tests/production --ignore tests/production/test_drills.py $(ARGS)

test-drills: install ## The drills in short: kills, outages, doubles (`make services` first, as above)
	@$(BIN)/python -m pytest $(DRILLS) $(ARGS)

check: install ## Style, layers, types, migrations, schema: everything a machine can judge without running
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(MANAGE) makemigrations --check --dry-run --settings marketplace.settings.test
	@$(BIN)/mypy core/*.py accounts/services.py accounts/selectors.py accounts/granting.py accounts/holding.py accounts/founding.py accounts/states.py scenarios/services scenarios/selectors.py vendors/services.py vendors/selectors.py search/contract.py matching/scoring.py challenges/sealing/*.py challenges/services challenges/selectors.py challenges/scoring.py challenges/drawing.py challenges/collusion.py challenges/states.py challenges/validators.py challenges/parameters.py

services: ## Real PostgreSQL, Redis, RabbitMQ, Elasticsearch on loopback for tests (`drills/services stop` ends them)
	@drills/services start

format: install ## Put the code in its form
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

schema: install ## Write docs/api/schema.yml anew
	@$(MANAGE) spectacular --file docs/api/schema.yml --validate --fail-on-warn

clean: ## Remove the installation's data (database, index, files); the virtual environment stays
	@rm -rf var
