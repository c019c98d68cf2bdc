# Two ways in: `make demo` shows the thing, `make test` checks it. SERVE=0 ends the demo unserved.
# `make gate` holds answers to the shipped questions against those of the committed baseline.
# `make bench` measures speed, memory and quality beside other systems: an hour of a quiet machine.
PYTHON ?= python3
SERVE ?= 1
BIN := .venv/bin
AXE := .venv/axe/axe.min.js
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

QUESTIONS := eval/questions/transfer-learning.jsonl
BASELINE := eval/baseline/transfer-learning.jsonl.xz
RUN := .notesqa/runs/gate.jsonl

.PHONY: demo test crash fuzz gate baseline fit scales bench bench-peers bench-growth bench-http bench-edit \
	constraints clean

demo: .venv/installed
	$(BIN)/notesqa demo $(if $(filter 0,$(SERVE)),--no-serve)

test: .venv/tested $(AXE)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -X warn_default_encoding -m pytest

# Kills indexing 500 times and makes its writes fail 100 times: ARGS='--kills 2000 --seed 7'.
crash: .venv/tested
	$(BIN)/python tests/crashing.py $(ARGS)

# Feeds mutated files to the loaders and made-up requests to the HTTP door:
# ARGS='--seconds 1500 --seed 7 --format pdf'.
fuzz: .venv/tested
	$(BIN)/python tests/fuzzing.py $(ARGS)

gate: .venv/installed
	$(BIN)/notesqa index
	$(BIN)/notesqa eval run $(QUESTIONS) --overwrite --out $(RUN)
	$(BIN)/notesqa eval gate $(RUN) --baseline $(BASELINE)

# Makes the present answers the ones to hold against: after a change that is meant to change them.
baseline: .venv/installed
	$(BIN)/notesqa index
	$(BIN)/notesqa eval run $(QUESTIONS) --overwrite --out $(BASELINE)

# Makes the shipped fit of the fitting split of the shipped questions.
fit: .venv/installed
	$(BIN)/notesqa index
	$(BIN)/notesqa eval fit $(QUESTIONS) --split fit --expect 0.1 --out rag/fit.json

# Makes what coverage and triage judge by, of the fitting split and notes with a fifth hidden.
scales: .venv/installed
	$(BIN)/python -m eval.bench.support
	$(BIN)/python -m eval.bench.triage --fit

# One after the other, since each wants the machine to itself. ARGS is for one of them:
# make bench-peers ARGS='--corpus NOTES --rounds 3'
bench:
	$(MAKE) bench-peers
	$(MAKE) bench-growth
	$(MAKE) bench-http
	$(MAKE) bench-edit

bench-peers: .venv/installed .bench/installed
	$(BIN)/python -m eval.bench.side_by_side $(ARGS)

bench-growth: .venv/installed
	$(BIN)/python -m eval.bench.growth $(ARGS)

bench-http: .venv/installed
	$(BIN)/python -m eval.bench.http $(ARGS)

bench-edit: .venv/installed
	$(BIN)/python -m eval.bench.edit $(ARGS)

.bench/installed: eval/bench/requirements.txt
	test -x .bench/venv/bin/python || $(PYTHON) -m venv .bench/venv
	@echo "Installing the systems to compare with into .bench/venv: some GB and minutes."
	.bench/venv/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

.venv/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing notesqa into .venv; the first time takes some minutes."
	$(INSTALL) -e .
	@touch $@

.venv/tested: .venv/installed
	$(INSTALL) -e '.[test]'
	@touch $@

# axe-core looks for what keeps people from using the pages. Without npm its tests are skipped.
$(AXE): Makefile
	@mkdir -p $(@D)
	@if command -v npm >/dev/null; then \
	  npm pack --silent --pack-destination $(@D) axe-core@4.14.1 >/dev/null && \
	  tar -xzf $(@D)/axe-core-4.14.1.tgz -C $(@D) --strip-components=1 package/axe.min.js && \
	  touch $@; \
	else echo "npm is not installed: the pages are not checked with axe-core."; fi

# Pins what a fresh environment resolves to today.
constraints: .venv/tested
	$(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu$$//' > constraints.txt

clean:
	rm -rf .venv .bench .notesqa build *.egg-info
