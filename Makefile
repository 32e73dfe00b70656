# Two commands: `make demo` (segment the example photos) and `make test` (every check).
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test clean

demo: .venv/base
	$(BIN)/pixelwise segment examples/*.png --output demo --save mask,overlay,cutout --overwrite
	@echo "The overlays are in demo/: open them."

test: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest

# Each marker file says which tier .venv holds; `dev` holds everything that `base` does.
SOURCES := pyproject.toml CMakeLists.txt $(wildcard cpp/*)

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/base: .venv/bin/python $(SOURCES)
	$(BIN)/pip install --quiet --editable .
	@touch $@

.venv/dev: .venv/bin/python $(SOURCES)
	$(BIN)/pip install --quiet --editable ".[all,dev]"
	@touch $@ .venv/base

clean:
	rm -rf .venv build demo
