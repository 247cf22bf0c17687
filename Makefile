# `make demo` and `make test` set up all they need: an environment in .venv from requirements.lock, by a uv of its own.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# uv reads no settings of pip; where pip has an index of its own, uv takes the same.
INDEX := $(or $(UV_DEFAULT_INDEX),$(PIP_INDEX_URL),$(shell $(PYTHON) -m pip config get global.index-url 2>/dev/null))
ifneq ($(INDEX),)
export UV_DEFAULT_INDEX := $(INDEX)
endif

unexport PYTHONDONTWRITEBYTECODE # without its byte code PyTorch takes half a minute to import

.PHONY: demo test benchmark ablation box viewer docs lint format lock clean

demo: $(READY)
	$(BIN)/highwall demo demo

test: $(READY) lint
	$(BIN)/python -m pytest
	$(BIN)/python -W ignore benchmarks/speed.py --short --against benchmarks/ratios.json

benchmark: $(READY)
	mkdir -p measured
	$(BIN)/python -W ignore benchmarks/speed.py --json measured/speed.json
	$(BIN)/python -W ignore benchmarks/forest.py --json measured/forest.json
	$(BIN)/python -W ignore benchmarks/training.py --json measured/training.json
	$(BIN)/python -W ignore benchmarks/mapping.py --size 4000 --background 0.5 --rounds 3 --json measured/mapping.json

ablation: $(READY)
	$(BIN)/python -W ignore benchmarks/ablation.py --dataset simulated --out measured/ablation --keep
	test -z "$(DATA)" || $(BIN)/python -W ignore benchmarks/ablation.py --data $(DATA) --out measured/ablation --keep
	test -z "$(DATA)" || $(BIN)/python -W ignore benchmarks/ablation_level2.py --data $(DATA) --out measured/ablation

box: $(READY)
	$(BIN)/python -W ignore -m highwall.box.train -o box --scenes $(SCENES) $(if $(PATCHES),--patches $(PATCHES))
	$(BIN)/python -W ignore benchmarks/box.py box/model --card --sheets box/sheets $(if $(PATCHES),--patches $(PATCHES))

viewer: # the page of `highwall view`, built by npm into the package
	cd viewer && npm ci && npm run check && npm run build

docs: $(READY)
	$(BIN)/mkdocs build --strict -d site

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(READY)
	$(VENV).uv/bin/uv pip compile --universal --generate-hashes --python-version 3.11 --all-extras --group dev pyproject.toml -o requirements.lock

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "highwall needs Python 3.11 or newer: make PYTHON=python3.12")'
	test -x $(VENV).uv/bin/uv || { $(PYTHON) -m venv $(VENV).uv && $(VENV).uv/bin/pip install --quiet --disable-pip-version-check uv; }
	$(VENV).uv/bin/uv venv --quiet --allow-existing --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" $(VENV)
	$(VENV).uv/bin/uv pip sync --python $(BIN)/python requirements.lock
	$(VENV).uv/bin/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	touch $@

clean:
	rm -rf $(VENV) $(VENV).uv demo box measured site viewer/node_modules
