# Every target does its own set-up. `make` alone lists them.
.DEFAULT_GOAL := help
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Python processes are started by the dozen: none should compile again what another one has.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo up test check unit integration docs browser bench mutants lock clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(READY) ## create .venv with every pinned dependency

$(READY): requirements/dev.txt pyproject.toml scripts/setup.sh
	@PYTHON="$(PYTHON)" sh scripts/setup.sh $(VENV) requirements/dev.txt
	@touch $@

demo: $(READY) ## run the main job end to end and stay up (ONCE=1: stop after the table)
	@$(BIN)/dcarbon demo $(if $(ONCE),--once)

up: $(READY) ## start everything on embedded defaults
	@$(BIN)/dcarbon up

test: $(READY) ## everything checked: lint, types, layers, unit, integration, documents, browser
	@VENV=$(VENV) sh scripts/test.sh all

check: $(READY) ## format, lint, types, layers
	@VENV=$(VENV) sh scripts/test.sh check

unit: $(READY) ## unit tests
	@VENV=$(VENV) sh scripts/test.sh unit

integration: $(READY) ## tests with PostgreSQL, Dagster and the sandbox
	@VENV=$(VENV) sh scripts/test.sh integration

docs: $(READY) ## run what the documents say, and check what they name
	@VENV=$(VENV) sh scripts/test.sh docs

browser: $(READY) ## journeys in headless Chromium
	@VENV=$(VENV) sh scripts/test.sh browser

bench: $(READY) ## measure beside rivals and limits (NAME=x: one of them)
	@VENV=$(VENV) sh scripts/bench.sh $(NAME)

mutants: $(READY) ## change the rules and see what no test notices (NAME="x y": these modules)
	@VENV=$(VENV) sh scripts/mutants.sh $(NAME)

lock: ## resolve the dependencies anew and write the hashed locks
	@PYTHON="$(PYTHON)" sh scripts/lock.sh

clean: ## remove everything that is not under version control
	rm -rf $(VENV) .dcarbon .artefacts .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
