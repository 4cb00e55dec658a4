PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint check benchmark model examples lock clean

help: ## Print the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Install everything into .venv, as requirements.lock has it

demo: $(READY) ## Predict the digits in examples/, with a report in build/demo
	@mkdir -p build/demo
	$(BIN)/mnist-batch predict examples/digits --out build/demo/predictions.parquet --overwrite

test: $(READY) ## Run the tests; those on the real MNIST where MNIST_DATA and MNIST_SEED name it
	$(BIN)/pytest -n auto --dist loadfile

lint: $(READY) ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint test demo ## All that has to pass before a change is merged

benchmark: $(READY) ## Time decoding, network and the whole command
	@mkdir -p build
	$(BIN)/pytest benchmarks --benchmark-json=build/benchmark.json

model: $(READY) ## Train the default model anew, from DATA (by default MNIST from Hugging Face)
	@mkdir -p build
	$(BIN)/mnist-batch train $(if $(DATA),--data $(DATA)) --out build/MNIST.h5 --overwrite
	cp build/MNIST.h5 mnist_batch/MNIST.h5

examples: $(READY) ## Draw examples/digits anew
	rm -rf examples/digits
	$(BIN)/mnist-batch generate --count 100 --out examples/digits

lock: $(READY) ## Choose the newest releases for requirements.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate \
		--no-emit-index-url --custom-compile-command "make lock" --upgrade --quiet \
		--group dev --output-file requirements.lock pyproject.toml

clean: ## Remove all that was made here
	rm -rf .venv build dist *.egg-info .benchmarks .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else \
		f"Python {v[0]}.{v[1]} found; mnist-batch needs 3.11, 3.12 or 3.13: make PYTHON=python3.12 ...")'
	@echo "Setting up .venv from the package index: one to three minutes"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		--requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--no-build-isolation --editable .
	@touch $@
