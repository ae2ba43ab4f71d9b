# Everything a person or CI runs. `make help` lists it.
SHELL := /bin/sh
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
# A distribution builds its own Python with profiles: it takes two thirds to nine tenths of the time of one built without.
PYTHON ?= $(shell for p in /usr/bin/python3 python3.14 python3.13 python3.12 python3.11 python3 python; do command -v $$p >/dev/null 2>&1 && $$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PORT ?= 8080
MLLP ?= 2575
DATA ?= data/demo
SECONDS_EACH ?= 600
# Tests wait for disks and other processes two fifths of their time: one more of them than there are processors.
JOBS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); [ "$$n" -gt 7 ] && n=7; echo $$((n + 1)))
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

$(VENV)/.python:
	@if [ -z "$(PYTHON)" ]; then echo "unsilo needs Python 3.11 or newer with its venv module: install it, for example 'apt-get install python3 python3-venv'."; exit 1; fi
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.python requirements/run.txt pyproject.toml
	@echo "Setting up unsilo in $(VENV) ..."
	@$(PIP) install -q --require-hashes -r requirements/run.txt
	@$(PIP) install -q --no-deps --no-build-isolation --no-index -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.txt
	@echo "Setting up the development tools ..."
	@$(PIP) install -q --require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)/.bench: $(VENV)/.dev requirements/bench.txt
	@$(PIP) install -q --require-hashes -r requirements/bench.txt
	@touch $@

.PHONY: setup
setup: $(VENV)/.dev ## set up everything for development

.PHONY: demo
demo: $(VENV)/.run ## feed real messages through the whole pipeline, print a summary, serve the console (ONCE=1 ends after the summary)
	@$(BIN)/unsilo demo --data $(DATA) --port $(PORT) --mllp $(MLLP) $(if $(ONCE),--once)

.PHONY: test
test: $(VENV)/.dev ## set up everything and run all tests
	@./tools/browser-packages
	@$(BIN)/pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder -q $(ARGS)

.PHONY: check
check: $(VENV)/.dev ## formatting, lint, types, import contracts, spelling, generated tables, short fuzz, dependency audit
	@$(MAKE) --no-print-directory -j 2 --output-sync=target check-types check-parsers check-text

.PHONY: check-types
check-types: $(VENV)/.dev
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(MAKE) --no-print-directory generate-check

.PHONY: check-parsers
check-parsers: $(VENV)/.dev
	@$(BIN)/python -m tests.fuzz --seconds 2

.PHONY: check-text
check-text: $(VENV)/.dev
	@$(BIN)/ruff format --check src tests bench tools
	@$(BIN)/ruff check src tests bench tools
	@$(BIN)/codespell src tests docs bench tools README.md CHANGELOG.md SECURITY.md AGENTS.md
	@./tools/audit $(BIN)

.PHONY: fuzz
fuzz: $(VENV)/.dev ## fuzz every parser for SECONDS_EACH seconds each
	@$(BIN)/python -m tests.fuzz --seconds $(SECONDS_EACH)

.PHONY: oracle
oracle: $(VENV)/.dev ## ask server and brute-force judge 20,000 random searches (ARGS="--predicates", "--database URL")
	@$(BIN)/python tests/oracle/oracle_run.py $(ARGS)

.PHONY: proof
proof: $(VENV)/.dev ## ask two nodes that differ in hidden data 5,000 requests, and kill a node 50 times under load
	@$(BIN)/python -m tests.proof $(ARGS)

.PHONY: clients
clients: $(VENV)/.dev ## run FHIR clients of other languages against a node (UNSILO_FHIR_KIT, UNSILO_SEKMET name them)
	@$(BIN)/python -m tests.clients

.PHONY: generate-check
generate-check: $(VENV)/.dev ## prove that generated tables are what their generators write
	@$(BIN)/python -m tools.generate --check

.PHONY: bench
bench: $(VENV)/.bench ## measure against the named peers in the same run
	@$(BIN)/python -m bench $(ARGS)

.PHONY: lock
lock: $(VENV)/.dev ## resolve the dependencies anew (maintainers; needs uv)
	@./tools/lock

.PHONY: format
format: $(VENV)/.dev ## format the code
	@$(BIN)/ruff check -q --fix src tests bench tools
	@$(BIN)/ruff format src tests bench tools

.PHONY: clean
clean: ## remove the environment, caches and the demo's data
	@rm -rf $(VENV) data .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
