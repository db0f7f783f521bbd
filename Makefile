# `make train` and `make test` each work alone on a fresh clone.
PYTHON ?= python3
VENV ?= .venv
METHOD ?= repo
BIN := $(VENV)/bin

.PHONY: train test install
install: $(VENV)/installed

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

train: $(VENV)/installed
	$(BIN)/accelerate launch --config_file accelerate_configs/cpu.yaml --num_cpu_threads_per_process 1 cli.py train --method $(METHOD)

# `make test SLOW=1` adds what takes more than ten seconds each; .ci/run does.
# One thread: spinning OpenMP threads make shared cores several times slower, and the models in the tests are tiny.
# Two workers, not one per core: limits of time are tested too, and a crowd of processes would meet them.
test: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile $(if $(SLOW),,-m 'not slow')
