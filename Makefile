# What a person does with this checkout. Everything is installed into .venv, nothing else is touched.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: help demo run test lint types tests unit goldens fuzz soak bench walkthrough tools reference schema sync lock clean

help: ## Say what there is.
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(INSTALLED) ## Run the exporter on a simulated API.
	@exec $(RUN)/mihu-trunk-exporter --demo

run: $(INSTALLED) ## Run the exporter with config.yaml.
	@exec $(RUN)/mihu-trunk-exporter --config.file config.yaml

test: lint types tests ## Check everything.

lint: $(INSTALLED)
	$(RUN)/ruff check
	$(RUN)/ruff format --check

types: $(INSTALLED)
	$(RUN)/mypy

# Many tests wait for programs that they started, so that three processes keep two cores busy; a file goes to one of them as a whole.
PARALLEL := --numprocesses 3 --dist loadfile --no-loadscope-reorder

tests: tools
	$(RUN)/python -m pytest $(PARALLEL)

UNIT := api commands config metrics polling status trunks

unit: $(INSTALLED) ## Run the tests that need no other program, in less than a minute.
	$(RUN)/python -m pytest $(PARALLEL) -m "not programs" $(UNIT:%=tests/%)

goldens: $(INSTALLED) ## Rewrite golden files; look at the diff.
	$(RUN)/python -m pytest --write-goldens

EXAMPLES := 10000

fuzz: tools ## Try EXAMPLES of damaged answers and configurations.
	EXAMPLES=$(EXAMPLES) $(RUN)/python -m pytest tests/fuzzing
	$(RUN)/python -m pytest -m hypothesis --hypothesis-profile thorough $(UNIT:%=tests/%)

MINUTES := 15

soak: $(INSTALLED) ## Watch the exporter for MINUTES on an API that churns and fails.
	@PYTHONPATH=tests $(RUN)/python -m soak.soak --minutes $(MINUTES)

BENCH :=

bench: $(INSTALLED) ## Compare speed and memory with what people would use instead; takes more than two hours.
	@PYTHONPATH=tests $(RUN)/python -m benchmarks $(BENCH)

SUITE := bookworm

walkthrough: $(INSTALLED) ## Run the commands of the documentation in a fresh chroot of Debian's SUITE, as root.
	@PYTHONPATH=tests $(RUN)/python -m walkthrough.walkthrough $(SUITE)

# The tests ask the real programs. Those that Debian does not have come from packages that are pinned by hash.
PROGRAMS := prometheus promtool prometheus-alertmanager amtool prometheus-node-exporter openssl systemd-analyze pgrep chromium curl jq git
PACKAGES := prometheus prometheus-alertmanager prometheus-node-exporter openssl systemd procps chromium curl jq git

tools: $(INSTALLED)
	@for program in $(PROGRAMS); do command -v $$program >/dev/null || missing="$$missing $$program"; done; \
	[ -z "$$missing" ] || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $(PACKAGES); \
	  else \
	    echo "make: the tests need$$missing; install them: sudo apt-get install $(PACKAGES)" >&2; exit 1; \
	  fi; }
	@$(RUN)/python deploy/helm/programs.py $(RUN)

reference: $(INSTALLED) ## Regenerate docs/metrics.md, docs/faults.md and the table of the chart's values.
	$(RUN)/python docs/metrics.py
	PYTHONPATH=tests $(RUN)/python docs/fault_table.py
	$(RUN)/python docs/chart.py

schema: $(INSTALLED) ## Regenerate the JSON schema and the reference of the configuration, and the chart's schema of it.
	$(RUN)/python docs/generate.py

sync: ## Make the PrometheusRule for kustomize, which git does not have.
	deploy/kubernetes/components/prometheus-operator/make-rule.sh

# uv is not installed here: it is needed only when a dependency changes.
COMPILE := uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet

lock: ## Pin the newest dependencies that pyproject.toml allows (needs uv).
	$(COMPILE) --upgrade --group dev pyproject.toml --output-file requirements-dev.lock
	$(COMPILE) --constraint requirements-dev.lock pyproject.toml --output-file requirements.lock
	echo hatchling | $(COMPILE) --constraint requirements-dev.lock - --output-file deploy/docker/requirements-build.lock

clean: ## Remove what was installed and cached.
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(INSTALLED): requirements-dev.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || \
	  { echo "make: $(PYTHON) is missing; install it: apt-get install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "make: Python 3.11 or newer is needed; name one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "make: Python's venv module is missing; install it: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(RUN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.lock
	$(RUN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
