# make demo   screen SmolLM2-135M on the embedded samples, then print the leaderboard
# make test   the whole test suite: the fast tests, then those on real weights
# make test-isa   the fast tests under the instruction sets and threads of other processors (hours)
# make exactness   200 rows of a trained SmolLM2-135M in every way of decoding, compared byte for byte
#             (trains it first where it is not there; hours on two cores; cut, it goes on)
# make kill   200 SIGKILLs chained over tiny screens (the tests do 50)
# make coverage   how often the intervals hold, simulated (hours on two cores; cut, it goes on)
# make docs   the documentation site into site/; strict, and the reference pages up to date
# make lint   ruff, mypy (strict), import-linter
#
# TORCH_INDEX=URL adds a package index to take torch from: a CPU or a CUDA build of your choice.

PYTHON ?= python3
VENV ?= .venv
TORCH_INDEX ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
TORCH := $(shell sed -n 's/^torch==/torch==/p' constraints.txt)

.PHONY: demo test test-isa exactness kill coverage docs lint clean help
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# //p' Makefile

# torch first and by its exact version: left to the resolver, an index may give a larger build.
$(VENV)/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) -c constraints.txt $(TORCH)
	$(PIP) install --quiet -c constraints.txt --editable '.[dev]'
	touch $@

demo: $(VENV)/installed
	$(BIN)/emoloom models get smollm2-135m
	$(BIN)/emoloom screen configs/demo.yaml

# Each kernel library is told by a variable of its own: torch, oneDNN, MKL, OpenBLAS (NumPy, SciPy).
AVX2 := ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2 OPENBLAS_CORETYPE=Haswell
SSE := ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 MKL_ENABLE_INSTRUCTIONS=SSE4_2 OPENBLAS_CORETYPE=Nehalem
FAST := $(BIN)/python -m pytest -n 2 -m 'not real'

test: $(VENV)/installed
	$(FAST)
	$(BIN)/python -m pytest -m real

test-isa: $(VENV)/installed
	$(AVX2) $(FAST)
	$(SSE) $(FAST)
	OMP_NUM_THREADS=1 $(FAST)
	OMP_NUM_THREADS=2 $(FAST)
	OMP_NUM_THREADS=4 $(FAST)

exactness: $(VENV)/installed
	$(BIN)/emoloom models get smollm2-135m
	$(BIN)/python benchmarks/exactness.py --json benchmarks/results/exactness.json --out benchmarks/results/exactness.md

kill: $(VENV)/installed
	EMOLOOM_KILLS=200 $(BIN)/python -m pytest -s tests/kill

coverage: $(VENV)/installed
	$(BIN)/python benchmarks/coverage.py --json runs/coverage.json --out runs/coverage.md
	$(BIN)/python benchmarks/coverage_floors.py --json runs/floors.json --out runs/floors.md

docs: $(VENV)/installed
	$(BIN)/python scripts/make_reference.py --check
	NO_MKDOCS_2_WARNING=true $(BIN)/mkdocs build --strict

lint: $(VENV)/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
