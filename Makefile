# make run    installs into .venv and runs the default study      make test   installs and tests
# Everything else: make help

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CORES ?= all
# Processes that share the tests of make test; 0 for one that prints as it goes
WORKERS ?= 2
# Further options of pip install, e.g. PIP_FLAGS="--extra-index-url https://download.pytorch.org/whl/cpu" for a small torch
PIP_FLAGS ?=
# Of the machine that make bundle is for
PYTHON_VERSION ?= 3.12
CUDA ?= 13
BUNDLE ?=

.DEFAULT_GOAL := help
.PHONY: help install run lj7 compare report test test-report test-slow test-slurm test-faults test-smoke test-memory audit docs lint format clean \
  test-gpu test-opencl bundle

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  %-12s%s\n", $$1, $$2 }'

install: $(STAMP) ## .venv with the package and the exact versions of envs/constraints.txt

$(STAMP): pyproject.toml envs/constraints.txt
	@for python in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
	  if $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then \
	    echo "$$python -m venv $(VENV)"; $$python -m venv $(VENV) && exit 0; exit 1; \
	  fi; \
	done; \
	echo "No Python 3.11, 3.12 or 3.13 on PATH. Install one, or say where it is: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12" >&2; exit 1
	$(BIN)/python -m pip install --quiet $(PIP_FLAGS) -c envs/constraints.txt -e ".[docs,test]"
	@touch $@

run: $(STAMP) ## the study lj7, two seeds
	$(BIN)/thermolatent run lj7 --cores $(CORES)

lj7: $(STAMP) ## LJ7 with three seeds: the accuracy figures of the README
	$(BIN)/thermolatent run lj7 --cores $(CORES) --seeds 0 1 2
	$(BIN)/python benchmarks/accuracy.py lj7

compare: $(STAMP) ## densities side by side on LJ7 and three-hole, three seeds: the tables of benchmarks/results/comparison.md
	$(BIN)/thermolatent run lj7_compare three_hole_compare --cores $(CORES) --seeds 0 1 2
	$(BIN)/python benchmarks/comparison.py lj7_compare
	$(BIN)/python benchmarks/comparison.py three_hole_compare

report: $(STAMP) ## results/<study>/report.html of the studies of config.yaml, and what it needs
	$(BIN)/snakemake --cores $(CORES) --until report

# One thread in each of the processes that share the test files (tests/conftest.py says how): two cores are then busy all the time.
test: $(STAMP) ## the tests, but those that take minutes
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow and not faults and not smoke" -n $(WORKERS) --dist loadfile

test-report: $(STAMP) ## the report in headless Chromium, Debian's installed if there is none
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || { \
	  command -v apt-get >/dev/null || { echo "no chromium on PATH and no apt-get: install Chromium or Chrome" >&2; exit 1; }; \
	  $$([ "$$(id -u)" = 0 ] || echo sudo) apt-get update -qq && $$([ "$$(id -u)" = 0 ] || echo sudo) apt-get install -y --no-install-recommends chromium; }
	$(BIN)/python -m pytest -m browser

test-slow: $(STAMP) ## the statistical tests that take minutes
	$(BIN)/python -m pytest -m "slow and not memory and not slurm"

test-slurm: $(STAMP) ## studies on a real SLURM that it installs and starts here (Debian, root)
	$(BIN)/python -m pytest tests/workflow -m slurm

test-memory: $(STAMP) ## every stage on 8 GB of features with 2 GB of memory
	$(BIN)/python -m pytest tests/memory

test-gpu: $(STAMP) ## what a GPU computes, against Reference and a CPU; skipped without one
	$(BIN)/python -m pytest -m gpu

# Copies, pinning, precision and checkpoints as on a GPU, by an OpenCL that runs on the CPU; it crashes with generalized Born.
test-opencl: $(STAMP) ## the same by PoCL (Debian: pocl-opencl-icd, ocl-icd-libopencl1), without generalized Born
	@$(BIN)/python -c 'import openmm as mm; mm.Platform.getPlatformByName("OpenCL")' 2>/dev/null || { \
	  echo "OpenMM finds no OpenCL here: apt-get install pocl-opencl-icd ocl-icd-libopencl1" >&2; exit 1; }
	THERMOLATENT_TEST_PLATFORM=OpenCL $(BIN)/python -m pytest tests/gpu

bundle: $(STAMP) ## wheels and install.sh for a GPU machine without a network; PYTHON_VERSION, CUDA, BUNDLE="--present FILE --minimal"
	$(BIN)/python tools/bundle.py --python-version $(PYTHON_VERSION) --cuda $(CUDA) $(BUNDLE)

docs: $(STAMP) ## these pages as HTML in build/docs
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs build/docs
	@echo build/docs/index.html

test-faults: $(STAMP) ## what goes wrong, on purpose: the table of docs/reference/faults.md
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/faults -n $(WORKERS) --dist loadfile

test-smoke: $(STAMP) ## a study of each kind from MD to report at scale smoke; test-slow has all others
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/smoke -m "not slow" -n $(WORKERS) --dist worksteal

audit: $(STAMP) ## pins against requirements, and known vulnerabilities
	$(BIN)/python tools/audit.py

lint: $(STAMP) ## ruff, snakefmt, snakemake --lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

format: $(STAMP) ## let ruff and snakefmt format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow

clean: ## remove .venv and caches; results stay
	rm -rf $(VENV) .pytest_cache .ruff_cache build src/*.egg-info
	find src tests benchmarks -name __pycache__ -prune -exec rm -rf {} +
