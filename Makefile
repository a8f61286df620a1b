# Fairlead: `make serve` tries it, `make test` proves it. Everything installs into .venv and node_modules.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
NODE_TESTS := tests/node
ENGINE ?= docker
SOURCES := src tests bench .ci

.DEFAULT_GOAL := help
.PHONY: help setup serve test check format bench bench-archive torture sbom image lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.runtime ## Install Fairlead into .venv

serve: $(VENV)/.runtime ## Serve the sandbox organization: REST on 8080, MCP on 9090
	@$(BIN)/fairlead serve --sandbox $(ARGS)

test: $(VENV)/.dev $(NODE_TESTS)/node_modules/.installed ## Run the whole suite
	@$(BIN)/python -m pytest

check: $(VENV)/.dev ## Format, lint, types, import contracts and advisories
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	@sh .ci/no-addresses
	@$(BIN)/python .ci/audit.py

format: $(VENV)/.dev ## Rewrite the code in the one format
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

bench: $(VENV)/.bench ## Measure Fairlead beside its peers, in one run
	@$(BIN)/python -m bench $(ARGS)

bench-archive: $(VENV)/.runtime ## Measure the archive at ten million events: half an hour, 7 GB
	@$(BIN)/python -m bench.archive $(ARGS)

torture: $(VENV)/.dev ## Kill `events sync` a thousand times, and look what is left (ARGS="--kills 100")
	@$(BIN)/python tests/torture.py $(ARGS)

sbom: $(VENV)/.dev ## Write what the lock installs to dist/sbom.json (CycloneDX)
	@sh .ci/sbom requirements/runtime.txt dist/sbom.json

image: ## Build the container image (ENGINE=podman for Podman)
	$(ENGINE) build --file Containerfile --tag fairlead:$$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml) $(ARGS) .

lock: $(VENV)/.dev ## Resolve the dependencies anew (needs `uv` on the PATH)
	sh requirements/lock

clean: ## Remove what the targets made
	rm -rf $(VENV) $(NODE_TESTS)/node_modules build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Fairlead needs Python 3.11 or later; try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@echo "Creating $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements/runtime.txt requirements/build.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing Fairlead (once)"
	@$(PIP) -r requirements/runtime.txt -r requirements/build.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	@echo "Installing what the tests need (once)"
	@$(PIP) -r requirements/dev.txt
	@touch $@

$(VENV)/.bench: requirements/bench.txt $(VENV)/.dev
	@$(PIP) -r requirements/bench.txt
	@touch $@

# Without Node the tests that need it say so and are skipped; CI has it.
$(NODE_TESTS)/node_modules/.installed: $(NODE_TESTS)/package-lock.json
	@if command -v npm >/dev/null 2>&1; then \
	  echo "Installing the Node tools of the tests (once)"; \
	  npm ci --prefix $(NODE_TESTS) --ignore-scripts --no-audit --no-fund --loglevel=error && touch $@; \
	else echo "npm is missing: the tests that need it will be skipped"; fi
