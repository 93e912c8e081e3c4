# Everything that a person or CI runs. `make help` lists it; `make demo` and `make test` are all that a reader needs.
#
# Needs python3 (3.11 or newer), rustup with the toolchain of rust-toolchain.toml, gcc, git. Nothing global is changed:
# tools go to .tools, Python packages to .venv, native artefacts to native/target.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

STEP := scripts/step
UV := .tools/bin/uv
PYTHON := .venv/bin/python
MANIFEST := --manifest-path native/Cargo.toml
# What `cargo test` builds: all but the extension module, which is tested through Python.
RUST_TESTS := --workspace --exclude portazgo-python --release --locked

# maturin finds uv on the PATH only (trap: the error is a bare "No such file or directory").
export PATH := $(CURDIR)/.venv/bin:$(CURDIR)/.tools/bin:$(PATH)
export VIRTUAL_ENV := $(CURDIR)/.venv
# What maturin sets for pyo3's build script. Set for every other cargo command too, else each change of hands rebuilds
# pyo3 (docs/decisions/0013-one-native-build.md).
export PYO3_PYTHON := $(CURDIR)/.venv/bin/python

# What the module's digest covers (src/portazgo/native_build.py), tests excepted.
NATIVE_SOURCES := rust-toolchain.toml native/Cargo.toml native/Cargo.lock $(wildcard native/crates/*/Cargo.toml) \
	$(wildcard native/crates/*/build.rs) $(shell find native/crates/*/src -name '*.rs')

.PHONY: help
help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# ---------------------------------------------------------------------------------------------- tools and packages

.PHONY: setup
setup: .venv/.synced ## Install the tools and the Python packages.

$(UV): tools.txt
	@$(STEP) "tools: uv" bash -c 'python3 -m venv .tools && .tools/bin/python -m pip install --quiet --requirement tools.txt'
	@touch $@

.venv/.synced: requirements/dev.txt .python-version $(UV)
	@[[ -x $(PYTHON) ]] || $(STEP) --quiet "environment" $(UV) venv --quiet --no-python-downloads .venv
	@$(STEP) "Python packages" $(UV) pip sync --quiet --require-hashes requirements/dev.txt
	@touch $@

.PHONY: native
native: .venv/.native ## Build the native module (release profile) and install the package, editable.

.venv/.native: .venv/.synced pyproject.toml $(NATIVE_SOURCES)
	@$(STEP) "native module" maturin develop --release --uv --locked --quiet
	@touch $@

.PHONY: lock
lock: $(UV) ## Renew requirements/*.txt within the bounds of pyproject.toml (`make lock UPGRADE=1`: to the newest).
	@$(STEP) "lock the Python packages" scripts/lock $(if $(UPGRADE),--upgrade)
