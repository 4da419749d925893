# planb: two commands are enough on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
SEEDS  ?= 3
STUDY  ?= sandbox

.PHONY: menu setup run studies plan status test check bench view readme clean
.DEFAULT_GOAL := menu

menu:
	@echo "planb: train language models to fail less severely"
	@echo
	@echo "  make run            set up, then run the sandbox study: train, evaluate, report (SEEDS=$(SEEDS))"
	@echo "  make run SEEDS=1    a quick look: one seed, a report in under three minutes"
	@echo "  make test           set up, then check the code and run the tests"
	@echo "  make studies        every study of the built-in world, one after another (SEEDS=$(SEEDS)); hours"
	@echo
	@echo "  make plan           what 'make run' would do, and how long it would take"
	@echo "  make status         what is done, what is running"
	@echo "  make view           open the evaluation logs with Inspect's viewer"
	@echo "  make check          format, lint, types, import direction"
	@echo "  make bench          measure speed against peers (benchmarks/)"
	@echo "  make readme         write the README's tables and docs/findings.md from finished runs"
	@echo "  make clean          remove the virtual environment (runs are kept)"

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "planb needs Python 3.11 or newer: make PYTHON=python3.11 run")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(READY)

setup: $(READY)

run: $(READY)
	$(BIN)/planb run $(STUDY) --seeds $(SEEDS)

studies: $(READY)
	@failed=""; for study in $$($(BIN)/planb list --sandbox); do \
	  echo "== $$study"; $(BIN)/planb run $$study --seeds $(SEEDS); code=$$?; \
	  if [ $$code -eq 130 ]; then exit 130; fi; \
	  if [ $$code -ne 0 ]; then failed="$$failed $$study"; fi; \
	done; \
	if [ -n "$$failed" ]; then echo "not finished:$$failed; 'make studies' tries these again"; exit 1; fi

plan: $(READY)
	$(BIN)/planb plan $(STUDY) --seeds $(SEEDS)

status: $(READY)
	$(BIN)/planb status $(STUDY) --seeds $(SEEDS)

view: $(READY)
	$(BIN)/inspect view --log-dir runs/$(STUDY)/logs

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

test: check
	$(BIN)/pytest -n 2 --dist loadfile

bench: $(READY)
	$(BIN)/python -m benchmarks.run

readme: $(READY)
	$(BIN)/python docs/readme.py
	$(BIN)/python docs/findings.py

clean:
	rm -rf $(VENV)
