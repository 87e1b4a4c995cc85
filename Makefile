# Two commands matter: `make audit` and `make test`. Each sets up everything it needs.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt
OUT ?= runs/audit
# What the default audit uses; `facewarden fetch --all` brings the rest.
AUDIT_PARTS := yunet faceplugin_recognizer facesdk_mobilefacenet dlib_face_api orl
export OMP_NUM_THREADS ?= 1
export OMP_WAIT_POLICY ?= PASSIVE
# compiled modules are kept: without them each start of Python takes seconds longer, and tests start hundreds
unexport PYTHONDONTWRITEBYTECODE

.PHONY: lock release sbom model-cards audit test test-more chaos fuzz lint gpu-check speed scale-check docs-check docs docs-images setup setup-test fetch fetch-all clean

audit: setup fetch
	$(BIN)/facewarden audit --out $(OUT) --resume

test: setup-test fetch-all lint docs-check
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

# What takes longer than a gate may: slow tests; the results of two commits are equal, by number and by pixel.
GOLDEN ?= c581d63
test-more: setup-test fetch-all
	$(BIN)/python -m pytest -n 2 --dist worksteal -m slow
	$(BIN)/python tests/golden/compare.py $(GOLDEN) HEAD

# Kills, full disks and readers: every long verb ends with the same results; takes hours, see docs/results.
KILLS ?= 50
chaos: setup-test fetch-all
	$(BIN)/python tests/chaos/run.py --kills $(KILLS)

# Pictures, tables, settings, arrays, networks and servers that are damaged, lying or odd; the gate reads 5 % of them.
fuzz: setup-test
	$(BIN)/python tests/fuzz/run.py

lint: setup-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --num-workers 2
	$(BIN)/lint-imports

gpu-check: setup-test
	$(BIN)/python benchmarks/gpu_check.py

# The page of speeds, measured on this machine: about a quarter of an hour on a quiet one. SPEED=--small is enough for a
# look, or where others use the machine.
SPEED ?=
speed: setup-test fetch-all
	$(BIN)/python benchmarks/speed.py $(SPEED)

# A Ray cluster of two nodes that loses one, processes that train together, a store behind faults; then the figures of
# docs/results/scale.md. About half an hour on two quiet cores. For a look, or where others use the machine:
# make scale-check SCALE_PHOTOS=120 SCALE="--photos 60 --repeats 2 --merged 500 --listed 5000"
SCALE_PHOTOS ?= 2000
SCALE ?=
scale-check: setup-test
	FACEWARDEN_SCALE_PHOTOS=$(SCALE_PHOTOS) FACEWARDEN_SCALE_OUT=docs/results/scale/lost_node.json \
		$(BIN)/python -m pytest -m slow tests/unit/scale tests/unit/training/test_ranks.py \
		tests/unit/training/test_launchers.py
	$(BIN)/python benchmarks/scale_check.py $(SCALE) --out docs/results/scale/scale.json
	$(BIN)/python benchmarks/data_wait.py --out docs/results/scale/data_wait.json

docs-check: setup-test
	$(BIN)/python tests/docs_check.py

# Wheels and sdists of both packages: the same bytes for the same commit.
release: setup-test
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m build -q --no-isolation --outdir dist .
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m build -q --no-isolation --outdir dist runtime

# What the environment holds: an SBOM (CycloneDX) and the licences of all packages.
sbom: $(VENV)/.dev
	mkdir -p dist
	$(BIN)/cyclonedx-py environment --output-reproducible --pyproject pyproject.toml -o dist/facewarden.cdx.json $(BIN)/python
	$(BIN)/pip-licenses --format=markdown --order=license --output-file=dist/licences.md

# Names and versions of every package of all extras, without addresses; needs uv.
lock:
	uv pip compile -q --no-header --no-annotate --no-emit-index-url --universal --python-version 3.11 --all-extras \
	    -c constraints.txt pyproject.toml -o requirements.lock

model-cards: setup-test
	$(BIN)/python tests/model_cards.py --write

# The site, into site/: pages of docs/ and the Python reference; a warning is an error.
docs: setup-test
	$(BIN)/zensical build --strict --clean

fetch: setup
	-$(BIN)/facewarden fetch $(AUDIT_PARTS)

fetch-all: setup-test
	-$(BIN)/facewarden fetch --all

# Every picture of README and docs, made anew; the first page of a report needs Chromium.
docs-images: setup-test
	$(BIN)/python benchmarks/docs_images.py

setup: $(VENV)/.runtime
setup-test: $(VENV)/.test

# torch first and alone: whatever asks for torchvision would otherwise pull a CUDA build of several gigabytes
$(VENV)/.torch: constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) "torch==$$(sed -n 's/^torch==//p' constraints.txt)"
	touch $@

$(VENV)/.runtime: $(VENV)/.torch pyproject.toml constraints.txt
	$(PIP) -e ".[onnx]"
	touch $@

# torchattacks pins an old requests and asks for torchvision; it is an oracle of the tests only, so it comes without them
$(VENV)/.test: $(VENV)/.runtime
	$(PIP) -e ".[test]"
	$(PIP) --no-deps torchattacks==3.5.1
	touch $@

$(VENV)/.dev: $(VENV)/.test
	$(PIP) -e ".[dev]"
	touch $@

clean:
	rm -rf dist runs site .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
