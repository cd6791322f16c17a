# Two commands on a fresh machine with Python 3.11: `make serve` and `make test`.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
MODEL := models/artifacts/autocomplete.tflite
MANIFEST := $(MODEL:.tflite=.manifest.json)
PIP_INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --only-binary=:all:

.PHONY: serve build verify test lint format lock clean
.DELETE_ON_ERROR:

serve: $(MANIFEST)  ## install, build the model if it is missing, serve
	exec $(BIN)/python -m app

build: $(VENV)/.runtime  ## build the model anew
	$(BIN)/python -m models build --output $(MODEL)

verify: $(MANIFEST)  ## compare the model file with its source
	$(BIN)/python -m models verify $(MODEL)

test: $(VENV)/.dev $(MANIFEST)  ## every test, with the coverage gate
	$(BIN)/pytest --cov --cov-report=term-missing:skip-covered

lint: $(VENV)/.dev  ## style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.dev  ## rewrite in the project's style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:  ## remove everything that was installed or built
	rm -rf $(VENV) models/artifacts tests/artifacts .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage

# The manifest is written last: where it stands, the model is whole. It is built only when it is missing.
$(MANIFEST): | $(VENV)/.runtime
	$(BIN)/python -m models build --output $(MODEL)

$(VENV)/.runtime: locks/build.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) -r locks/build.txt
	touch $@

$(VENV)/.dev: locks/dev.txt $(VENV)/.runtime
	$(PIP_INSTALL) -r locks/dev.txt
	touch $@

lock:  ## pin what pyproject.toml asks for: hashes, no addresses (needs uv)
	uv pip compile -q --generate-hashes --no-header --no-emit-index-url --python-version 3.11 \
		--extra build --extra dev pyproject.toml -o locks/dev.txt
	uv pip compile -q --generate-hashes --no-header --no-emit-index-url --python-version 3.11 \
		-c locks/dev.txt --extra build pyproject.toml -o locks/build.txt
	uv pip compile -q --generate-hashes --no-header --no-emit-index-url --python-version 3.11 \
		-c locks/dev.txt pyproject.toml -o locks/serve.txt
