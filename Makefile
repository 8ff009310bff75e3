# The one front door. `make` lists what there is; each target sets up what it needs, on a machine that has
# Python 3.11 or newer, make and the package index.

PYTHON ?= python3
UV_VERSION := 0.13.9
ENVIRONMENT ?= default

TOOLS := .tools
UV := $(TOOLS)/uv/bin/uv
BIN := .venv/bin
SAM := $(TOOLS)/sam/bin
CHECKOV := $(TOOLS)/checkov/bin/checkov
# Only what pyproject.toml and uv.lock say counts, whatever the machine is set to.
UV_SYNC := env -u VIRTUAL_ENV -u PYTHONPATH UV_PYTHON_DOWNLOADS=never $(UV) sync --frozen --quiet

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
	@UV_PROJECT_ENVIRONMENT=.venv $(UV_SYNC) --python $(PYTHON)
	@touch $@

# Tools that pin their own boto3 live in environments of their own, locked by tools/uv.lock.
$(TOOLS)/%/.ready: tools/pyproject.toml tools/uv.lock | $(UV)
	@UV_PROJECT_ENVIRONMENT=$(CURDIR)/$(TOOLS)/$* $(UV_SYNC) --python $(PYTHON) --project tools --only-group $*
	@touch $@

demo: .venv/.ready  ## The main job, end to end, on this machine: every sample through the real front doors
	@$(BIN)/python -m sandbox demo

sandbox: .venv/.ready  ## The stand-in for AWS and Sociocs, up until Ctrl-C
	@$(BIN)/python -m sandbox up $(ARGUMENTS)

soak: .venv/.ready  ## Ten minutes of every kind of trouble, then the account; ARGUMENTS="--minutes 60"
	@$(BIN)/python -m sandbox soak $(ARGUMENTS)

test: .venv/.ready $(TOOLS)/sam/.ready  ## Every test
	$(BIN)/python -m pytest -n auto

check: lint types template test  ## Lint, types, template, tests: the one gate

lint: .venv/.ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: .venv/.ready
	$(BIN)/mypy src sandbox tools tests benchmarks

template: $(TOOLS)/sam/.ready $(TOOLS)/checkov/.ready
	AWS_REGION=us-east-1 SAM_CLI_TELEMETRY=0 $(SAM)/sam validate --lint
	$(SAM)/cfn-lint
	$(CHECKOV)

bench: .venv/.ready  ## Ours against what a competent team would write in an afternoon, as ratios
	@$(BIN)/python -m benchmarks $(ARGUMENTS)

format: .venv/.ready  ## Write the code in its one form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: | $(UV)  ## Lock the newest versions that pyproject.toml allows, from the public index
	env -i HOME="$$HOME" PATH="$$PATH" $(UV) lock --no-config --upgrade
	env -i HOME="$$HOME" PATH="$$PATH" $(UV) lock --no-config --upgrade --directory tools
	$(MAKE) src/requirements.txt

src/requirements.txt: uv.lock | $(UV)
	$(UV) export --quiet --frozen --no-default-groups --no-emit-project --no-header --output-file $@ >/dev/null

schema: .venv/.ready  ## Write events/message.schema.json from the model
	$(BIN)/python tools/write_schema.py

build: .venv/.ready | $(UV)  ## The function's package, arm64 and Python 3.13, without Docker
	$(BIN)/python tools/build.py --zip dist/send-message-function.zip

deploy: .venv/.ready $(TOOLS)/sam/.ready | $(UV)  ## sam build and deploy; ENVIRONMENT=staging or prod, PARAMETERS="Name=value ..."
	PYTHON=$(CURDIR)/$(BIN)/python SAM_CLI_TELEMETRY=0 $(SAM)/sam build --config-env $(ENVIRONMENT)
	@# sam reads no AWS_REGION. What --parameter-overrides is given replaces samconfig.toml's list, so it gets both.
	parameters=$$($(BIN)/python tools/parameters.py $(ENVIRONMENT) $(PARAMETERS)) && \
	SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=$${AWS_REGION:-$$AWS_DEFAULT_REGION} \
		$(SAM)/sam deploy --config-env $(ENVIRONMENT) $(if $(PARAMETERS),--parameter-overrides $$parameters)

clean:  ## Remove everything that make has made
	rm -rf .venv $(TOOLS) .build .aws-sam dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
