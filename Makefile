# Everything a person or a machine does with this tree. Each target does its own set-up; prerequisites: make, python3
# (3.11 or newer) and its venv module. Versions are pinned in requirements/; the environments are rebuilt when those
# change. Another interpreter: make PYTHON=/usr/bin/python3.12 run

PYTHON  ?= python3
WORKERS ?= 2
VENV    := .venv
BIN     := $(VENV)/bin
DEMO    := .venvs/demo
TRAINING := .venvs/families
PEERS   := .venvs/bench-storage
TRACERS := .venvs/lineage-peers
# Where families are trained; PyPI's torch is a CUDA build on some systems. Empty: PyPI alone.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
SOURCES := src tests benchmarks examples

PIP_INSTALL := -m pip --disable-pip-version-check --no-input install -qq --no-deps --no-compile

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install run demo test test-slow lint format docs bench families zoo bench-lineage bench-storage lock clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "  make %-13s %s\n", $$1, $$2 }'

install: $(BIN)/.stamp-hub ## install the hub into .venv; then: .venv/bin/tukar --help

run: $(BIN)/.stamp-hub $(DEMO)/.stamp ## two hubs publish a model family, swap, verify and use it, then serve until Ctrl-C
	@$(DEMO)/bin/python examples/demo.py --serve

demo: $(BIN)/.stamp-hub $(DEMO)/.stamp ## the same, but end with a status instead of serving
	@$(DEMO)/bin/python examples/demo.py

test: lint ## lint, then every test that is not slow (minutes)
	@$(BIN)/pytest -m "not slow" -n $(WORKERS) --dist worksteal -q

test-slow: $(BIN)/.stamp-dev $(DEMO)/.stamp ## the slow tests: stock clients, servers, browser, faults
	@$(BIN)/pytest -m slow -n $(WORKERS) --dist worksteal -q

lint: $(BIN)/.stamp-dev ## ruff, strict mypy, and who may import whom
	@$(BIN)/ruff check --quiet $(SOURCES)
	@$(BIN)/ruff format --check --quiet $(SOURCES) || { echo "not formatted: run 'make format'" >&2; exit 1; }
	@$(BIN)/mypy --no-error-summary
	@report=$$($(BIN)/lint-imports 2>&1) || { echo "$$report" >&2; exit 1; }
	@echo "lint: clean"

format: $(BIN)/.stamp-dev ## reformat the code and mend what ruff can
	@$(BIN)/ruff check --fix --quiet $(SOURCES)
	@$(BIN)/ruff format --quiet $(SOURCES)

docs: $(BIN)/.stamp-docs ## build the documentation into site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo "docs: site/index.html"

bench: $(BIN)/.stamp-dev $(DEMO)/.stamp ## measure push and pull against nginx, curl and the stock client
	@$(BIN)/python -m benchmarks

families: $(TRAINING)/.stamp ## fine-tune the model families that storage is measured with (an hour, once)
	@$(TRAINING)/bin/python -m benchmarks.families

zoo: $(TRAINING)/.stamp ## train the small models that tests of descent are measured with (an hour, once)
	@$(TRAINING)/bin/python -m benchmarks.lineage zoo

bench-lineage: zoo families $(BIN)/.stamp-hub $(TRACERS)/.stamp ## measure tests of descent beside other tools, and write the page of it (hours)
	@$(BIN)/python -m benchmarks.lineage pairs --tuning --children 300
	@$(BIN)/python -m benchmarks.lineage pairs
	@$(BIN)/python -m benchmarks.lineage sketches
	@$(BIN)/python -m benchmarks.lineage real
	@$(BIN)/python -m benchmarks.lineage nulls
	@$(BIN)/python -m benchmarks.lineage large
	@for way in pairs peers published; do \
	    $(TRACERS)/bin/python -m benchmarks.lineage $$way --families 12 --children 200 --into .bench/zoo/beside || exit 1; \
	done
	@$(BIN)/python -m benchmarks.lineage report

bench-storage: families $(BIN)/.stamp-hub $(DEMO)/.stamp $(PEERS)/.stamp ## measure storage beside other tools, and write the page of it
	@$(PEERS)/bin/python -m benchmarks.storage $(ARGUMENTS)

lock: ## resolve all pinned versions anew
	@PYTHON=$(PYTHON) requirements/lock.sh

clean: ## remove the environments, caches and what the demo made
	rm -rf $(VENV) .venvs .demo site dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests benchmarks examples -name __pycache__ -type d -prune -exec rm -rf {} +

# One environment holds the hub; what tests and documentation need goes on top. The demo's stock client lives in one of
# its own, without Tukar: what talks to the hub there is what a user has. (The client tests build theirs themselves.)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo "Tukar needs Python 3.11 or newer; '$(PYTHON)' is: $$($(PYTHON) --version 2>&1)" >&2; \
	    echo "Name another one: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "Python's venv module is missing. On Debian: apt-get install python3-venv" >&2; exit 1; }
	@echo "· creating $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(BIN)/.stamp-hub: requirements/hub.txt pyproject.toml | $(BIN)/python
	@echo "· installing the hub ($<)"
	@$(BIN)/python $(PIP_INSTALL) -r $<
	@$(BIN)/python $(PIP_INSTALL) --no-build-isolation --editable .
	@touch $@

$(BIN)/.stamp-dev: requirements/dev.txt $(BIN)/.stamp-hub
	@echo "· installing what tests and lint need ($<)"
	@$(BIN)/python $(PIP_INSTALL) -r $<
	@touch $@

$(BIN)/.stamp-docs: requirements/docs.txt $(BIN)/.stamp-hub
	@echo "· installing what the documentation needs ($<)"
	@$(BIN)/python $(PIP_INSTALL) -r $<
	@touch $@

$(DEMO)/.stamp: requirements/demo.txt | $(BIN)/python
	@echo "· installing the stock client and the base model into $(DEMO) ($<)"
	@rm -rf $(DEMO)
	@$(PYTHON) -m venv $(DEMO)
	@$(DEMO)/bin/python $(PIP_INSTALL) -r $<
	@touch $@

$(TRAINING)/.stamp: requirements/families.txt | $(BIN)/python
	@echo "· installing torch and two small models into $(TRAINING) ($<)"
	@rm -rf $(TRAINING)
	@$(PYTHON) -m venv $(TRAINING)
	@$(TRAINING)/bin/python $(PIP_INSTALL) $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) -r $<
	@touch $@

# The hub's packages and the peers. Tukar comes from this tree, and torch, for those that want it, from beside.
$(PEERS)/.stamp: requirements/hub.txt requirements/bench-storage.txt $(TRAINING)/.stamp | $(BIN)/python
	@echo "· installing what Tukar's storage is compared with into $(PEERS) (requirements/bench-storage.txt)"
	@$(call beside,$(PEERS),-r requirements/bench-storage.txt)
	@touch $@

$(TRACERS)/.stamp: requirements/hub.txt requirements/lineage-peers.txt $(TRAINING)/.stamp | $(BIN)/python
	@echo "· installing what Tukar's tests of descent are compared with into $(TRACERS) (requirements/lineage-peers.txt)"
	@$(call beside,$(TRACERS),--ignore-requires-python -r requirements/lineage-peers.txt)
	@touch $@

define beside
rm -rf $(1); \
$(PYTHON) -m venv $(1) && \
$(1)/bin/python $(PIP_INSTALL) -r requirements/hub.txt $(2) && \
packages='import sysconfig; print(sysconfig.get_path("purelib"))' && \
printf '%s\n' "$(CURDIR)/src" "$$($(TRAINING)/bin/python -c "$$packages")" \
    > "$$($(1)/bin/python -c "$$packages")/beside.pth"
endef
