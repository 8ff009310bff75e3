# `make` lists the targets. Each target installs what it needs. The machine needs Python 3.11, 3.12 or 3.13, make and a
# package index.

PYTHON ?= python3
UV_VERSION := 0.13.9
ENVIRONMENT ?= default

TOOLS := .tools
UV := $(TOOLS)/uv/bin/uv
BIN := .venv/bin
SAM := $(TOOLS)/sam/bin
CHECKOV := $(TOOLS)/checkov/bin/checkov
# An active environment and PYTHONPATH have no effect.
RUN_UV := env -u VIRTUAL_ENV -u PYTHONPATH UV_PYTHON_DOWNLOADS=never $(UV)

# $(call install,ENVIRONMENT,OPTIONS,PROJECT) installs the locked versions. `uv sync` takes files from the addresses in
# the lock, which are those of the public index. With PIP_INDEX_URL the same versions come from that index, with the
# hashes of the lock.
define install
	@if [ -z "$$PIP_INDEX_URL" ]; then \
		UV_PROJECT_ENVIRONMENT="$(CURDIR)/$(1)" $(RUN_UV) sync --frozen --quiet --python $(PYTHON) --project $(3) $(2); \
	else \
		export UV_DEFAULT_INDEX="$$PIP_INDEX_URL"; \
		$(RUN_UV) venv --quiet --allow-existing --python $(PYTHON) $(1) && \
		$(RUN_UV) export --quiet --frozen --no-emit-project --no-header --project $(3) $(2) >$(1)/requirements.txt && \
		$(RUN_UV) pip sync --quiet --python $(1) --require-hashes $(1)/requirements.txt && \
		{ [ $(3) != . ] || $(RUN_UV) pip install --quiet --python $(1) --no-deps --editable .; }; \
	fi
endef

.DEFAULT_GOAL := help
.PHONY: help setup demo sandbox soak test check lint types template bench lock schema format build deploy clean

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: .venv/.ready  ## Install everything for development into .venv

$(UV):
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(not (3, 11) <= v[:2] <= (3, 13))' || \
		{ echo "Python 3.11, 3.12 or 3.13 is needed: make PYTHON=/path/to/python3.13"; exit 1; }
	@echo "setting up (once) ..."
	@$(PYTHON) -m venv --clear $(TOOLS)/uv
	@$(TOOLS)/uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.venv/.ready: pyproject.toml uv.lock | $(UV)
	$(call install,.venv,,.)
	@touch $@

# The sandbox alone needs fewer packages than development.
.venv/.sandbox: pyproject.toml uv.lock | $(UV)
	$(call install,.venv,--no-default-groups --group sandbox,.)
	@touch $@

SANDBOX_READY := $(if $(wildcard .venv/.ready),.venv/.ready,.venv/.sandbox)

# Tools that need their own version of boto3 have their own environments, locked by tools/uv.lock.
$(TOOLS)/%/.ready: tools/pyproject.toml tools/uv.lock | $(UV)
	$(call install,$(TOOLS)/$*,--only-group $*,tools)
	@touch $@

demo: $(SANDBOX_READY)  ## Send every sample in events/ end to end, on this machine
	@$(BIN)/python -m sandbox demo

sandbox: $(SANDBOX_READY)  ## Start the local stand-in for AWS and Sociocs, until Ctrl-C
	@$(BIN)/python -m sandbox up $(ARGUMENTS)

soak: $(SANDBOX_READY)  ## Send messages for ten minutes during faults, then account for each; ARGUMENTS="--minutes 60"
	@$(BIN)/python -m sandbox soak $(ARGUMENTS)

test: .venv/.ready $(TOOLS)/sam/.ready  ## Run every test
	$(BIN)/python -m pytest -n auto

check: lint types template test  ## Run every check: lint, types, template and tests

lint: .venv/.ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: .venv/.ready
	$(BIN)/mypy src sandbox tools tests benchmarks

template: $(TOOLS)/sam/.ready $(TOOLS)/checkov/.ready
	AWS_REGION=us-east-1 SAM_CLI_TELEMETRY=0 $(SAM)/sam validate --lint
	$(SAM)/cfn-lint
	$(CHECKOV)

bench: .venv/.ready  ## Compare the function with a simple solution, as ratios
	@$(BIN)/python -m benchmarks $(ARGUMENTS)

format: .venv/.ready  ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: | $(UV)  ## Lock the newest versions that pyproject.toml allows
	env -i HOME="$$HOME" PATH="$$PATH" $(UV) lock --no-config --upgrade
	env -i HOME="$$HOME" PATH="$$PATH" $(UV) lock --no-config --upgrade --directory tools
	$(MAKE) src/requirements.txt

src/requirements.txt: uv.lock | $(UV)
	$(UV) export --quiet --frozen --only-group function --no-emit-project --no-header --no-annotate --output-file $@ >/dev/null

schema: .venv/.ready  ## Write events/message.schema.json from the model
	$(BIN)/python tools/write_schema.py

build: .venv/.ready | $(UV)  ## Build the function's package (arm64, Python 3.13), without Docker
	$(BIN)/python tools/build.py --zip dist/send-message-function.zip

deploy: .venv/.ready $(TOOLS)/sam/.ready | $(UV)  ## Build and deploy; ENVIRONMENT=staging or prod, PARAMETERS="Name=value ..."
	@$(BIN)/python tools/deploy.py $(ENVIRONMENT) $(PARAMETERS)

clean:  ## Remove everything that make created
	rm -rf .venv $(TOOLS) .build .aws-sam dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
