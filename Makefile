# make demo    on a fresh machine: set up, run the whole way on simulated data, say where results lie
# make test    on a fresh machine: set up, then lint, types and all tests
#
# Needed: Python 3.11 to 3.13, gcc, make. Everything else goes into .venv.

BIN     := .venv/bin
STAMPS  := .venv/.stamps
PIP     := $(BIN)/python -m pip --disable-pip-version-check install
# Tools call each other by name (cython-lint calls pycodestyle), so .venv comes first.
export PATH := $(CURDIR)/$(BIN):$(PATH)

KERNELS := $(wildcard dexkit_ext/*.pyx dexkit_ext/*.pxd)
PACKAGE := pyproject.toml setup.py
DEMO    := demo-results
DEBUG   := build/debug
# The sanitisers' libraries, when the compiler has both.
FOUND   := $(filter /%,$(shell for lib in libasan.so libubsan.so; do $(CC) -print-file-name=$$lib; done 2>/dev/null))
SANITIZERS := $(if $(word 2,$(FOUND)),$(FOUND))
BENCHES := $(sort $(wildcard benchmarks/bench_*.py))
SIZE    := small
# Test processes (each loads TensorFlow), and more arguments for pytest: make fast PYTEST="-k pairs -x"
JOBS    := 2
PYTEST  :=
# A process that dies ends the run: its tests would only take it with them once more.
XDIST   := --numprocesses $(JOBS) --dist loadfile --max-worker-restart 0

.PHONY: help demo test dev build fast lint types tests kernels bench docs dist clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    set up, run everything on simulated data, results in $(DEMO)/"
	@echo "make test    set up, then lint, types, all tests"
	@echo
	@echo "make dev     set up for development: editable install with tools, pre-commit hook"
	@echo "make build   compile the kernels after a change"
	@echo "make fast    tests without the slow ones and without the real data"
	@echo "make lint    ruff, cython-lint, codespell"
	@echo "make types   mypy"
	@echo "make bench   benchmarks (SIZE=full for the sizes in the docs)"
	@echo "make docs    write the generated part of the documentation, docs/cli.md"
	@echo "make dist    sdist and wheel in dist/"
	@echo "make clean   remove what was built; .venv and results stay"
	@echo
	@echo "PYTHON=/path/to/python3.12 chooses the Python that .venv is made with."

# --- set-up: each step leaves a stamp, and runs again only when what it depends on has changed ---

$(STAMPS)/venv: .ci/find-python
	@python=$$(PYTHON="$(PYTHON)" .ci/find-python) && \
	if ! $(BIN)/python -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))" \
	    2>/dev/null; then \
	    echo "making .venv with $$python"; "$$python" -m venv --clear .venv; \
	fi
	@mkdir -p $(STAMPS)
	@touch $@

# --editable: one installation serves demo, tests and work on the code.
$(STAMPS)/run: $(STAMPS)/venv $(PACKAGE) $(KERNELS)
	$(PIP) --editable .
	@touch $@

$(STAMPS)/dev: $(STAMPS)/venv $(PACKAGE)
	$(PIP) --editable ".[dev]"
	@touch $(STAMPS)/run $(STAMPS)/kernels $@

$(STAMPS)/kernels: $(STAMPS)/dev setup.py $(KERNELS)
	$(BIN)/python setup.py --quiet build_ext --inplace
	@touch $(STAMPS)/run $@

$(STAMPS)/debug: $(STAMPS)/dev setup.py $(KERNELS)
	DEXKIT_CYTHON_DEBUG=1 DEXKIT_SANITIZE=$(if $(SANITIZERS),1,0) \
	    $(BIN)/python setup.py --quiet build_ext --build-lib $(DEBUG)
	@touch $@

# --- the two commands -------------------------------------------------------------------------

demo: $(STAMPS)/run
	$(BIN)/dexkit demo --out $(DEMO) --force

test: lint types tests kernels
	@echo "all tests passed"

# --- development ------------------------------------------------------------------------------

dev: $(STAMPS)/kernels
	@if [ -d .git ]; then $(BIN)/pre-commit install; fi

build: $(STAMPS)/kernels

tests: $(STAMPS)/kernels
	$(BIN)/pytest $(XDIST) $(PYTEST)

fast: $(STAMPS)/kernels
	$(BIN)/pytest $(XDIST) -m "not slow and not real" $(PYTEST)

# The kernel tests once more and 10,000 broken files, with bounds checks and (where the compiler has
# them) the address and undefined-behaviour sanitisers, compiled in a folder of their own.
kernels: export PYTHONPATH := $(CURDIR)/$(DEBUG)
kernels: export LD_PRELOAD := $(SANITIZERS)
kernels: export ASAN_OPTIONS := detect_leaks=0
kernels: export DEXKIT_FUZZ_CASES := 10000
kernels: $(STAMPS)/debug
	cp dexkit_ext/*.py dexkit_ext/*.pyx dexkit_ext/*.pxd $(DEBUG)/dexkit_ext/
	$(BIN)/python -P -c "import dexkit_ext as e; \
	    raise SystemExit(0 if e.build_info()['debug'] else 'the debug kernels were not loaded')"
	$(BIN)/pytest tests/ext tests/fuzz

lint: $(STAMPS)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/cython-lint dexkit_ext
	$(BIN)/codespell

types: $(STAMPS)/dev
	$(BIN)/mypy

bench: $(STAMPS)/kernels
	@for bench in $(BENCHES); do $(BIN)/python $$bench --size $(SIZE) || exit 1; done

docs: $(STAMPS)/kernels
	$(BIN)/python docs/make_cli.py

dist: $(STAMPS)/dev
	rm -rf build/lib* dist
	$(BIN)/pyproject-build

clean:
	rm -rf build dist dexkit.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	rm -f dexkit_ext/*.so dexkit_ext/*.c
	find dexkit dexkit_ext plugins tests benchmarks docs examples -name __pycache__ -prune \
	    -exec rm -rf {} +
	rm -rf $(STAMPS)
