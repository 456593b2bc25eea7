# make run    everything from nothing to the running site
# make test   the whole suite        make check  style, types, import rules, docs
# make test-long   what takes too long for each change: long soaks, fuzzing and property runs
# make bench  speed, side by side    make help   this list
# make soak   a week of use and kills of all parts, MINUTES=60 ON=embedded|served BREAK=lose|double|...
# make cluster   five hosts with PostgreSQL, Redis and S3, and kills of all of them, BREAK=lose|double|leak
# make fuzz   hostile image files, then hostile requests to every address, SECONDS=600 each
# make image-steps   the steps of the Dockerfile in a chroot of Debian's, where there is no container engine
# make screenshots   every page as a picture, into screenshots/ (and those of README into docs/images)

SHELL := /bin/bash
VENV ?= .venv
PORT ?= 8000
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check
export DJANGO_SETTINGS_MODULE = facesite.settings

LIGHT := $(VENV)/.light-$(shell cat requirements.txt | sha256sum | cut -c1-12)
FULL := $(VENV)/.full-$(shell cat requirements.txt requirements-dev.txt | sha256sum | cut -c1-12)

.PHONY: light-image full-image scale-image gpu-image image-steps run test test-long check audit bench soak cluster fuzz screenshots help light full

help:
	@head -9 Makefile | cut -c3-

# PYTHON=... uses that one; else the quickest that is here.
PYTHON ?=

$(PY):
	@python="$(PYTHON)"; python=$${python:-$$(.ci/python)}; \
	[ -n "$$python" ] || { echo "Facesite needs Python 3.11 or 3.12, with its modules venv and ensurepip."; exit 1; }; \
	"$$python" -m venv $(VENV)

$(LIGHT): $(PY)
	@echo "Installing the light set of packages (about half a minute) ..."
	@sed '/^# The other engines/q' requirements.txt | grep -E '^[a-z]' | sed 's/==.*//' > $(VENV)/light.txt
	@$(PIP) --constraint requirements.txt --requirement $(VENV)/light.txt
	@touch $@

$(FULL): $(PY)
	@echo "Installing all packages, TensorFlow and torch among them (some minutes, about 8 GB) ..."
	@$(PIP) --requirement requirements.txt --requirement requirements-dev.txt
	@touch $@

# For the Dockerfile: without what only the tests need
light-image: $(LIGHT)
full-image: $(PY)
	@$(PIP) --requirement requirements.txt
scale-image: $(LIGHT)
	@$(PIP) --requirement requirements-scale.txt
# The same module by another package, which needs NVIDIA's libraries
gpu-image: $(LIGHT)
	@$(PIP) --requirement requirements-gpu.txt && $(PY) -m pip uninstall --quiet --yes onnxruntime
	@$(PIP) --no-deps --force-reinstall --requirement requirements-gpu.txt

light: $(LIGHT)
full: $(FULL)

# So that no start compiles all modules anew, where Python is told to write nothing beside them
COMPILE := $(PY) -m compileall -q facesite gallery recognition

run: $(LIGHT)
	@$(COMPILE)
	@$(PY) manage.py setup
	@exec $(PY) manage.py serve --port $(PORT)

# torch and TensorFlow do not live well in one process, so what uses torch has one of its own, in the background.
# One process more than there are processors: many tests wait for others' processes. The longest come first.
TORCH := $(wildcard tests/recognition/embedders/test_embedders_clip*.py)
PROCESSES ?= $(shell echo $$(($$(nproc) + 1)))

test: $(FULL)
	@.ci/servers
	@nice $(PY) -m pytest -m "not long" $(TORCH) > $(VENV)/torch-tests.txt 2>&1 & torch=$$!; \
	$(PY) -m pytest -m "not long" -n $(PROCESSES) --dist loadgroup --no-loadscope-reorder --durations 15 $(TORCH:%=--ignore=%); \
	rest=$$?; wait $$torch; own=$$?; cat $(VENV)/torch-tests.txt; [ $$rest = 0 ] && [ $$own = 0 ]

test-long: $(FULL)
	@.ci/servers
	@$(PY) -m pytest -m long -n $(PROCESSES) --dist loadgroup --durations 15

check: $(FULL)
	@$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check .
	@$(VENV)/bin/bandit --quiet --configfile pyproject.toml --recursive facesite gallery recognition manage.py .ci
	@$(VENV)/bin/djlint --quiet --check --lint templates
	@! LC_ALL=C.UTF-8 grep -rnE --include '*.html' '.{161}' templates
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports
	@$(PY) manage.py makemigrations --check --dry-run
	@$(PY) -m pytest -q -p no:cacheprovider tests/test_docs.py
	@$(PY) .ci/names
	@$(PY) .ci/audit --report

audit: $(FULL)
	@$(PY) .ci/audit

bench: $(FULL)
	@$(COMPILE)
	@$(PY) -m bench $(PHOTOS)

MINUTES ?= 60
SECONDS ?= 600
SEED ?= 1
ON ?= embedded

soak: $(FULL)
	@.ci/servers
	@$(PY) -m bench.soak --minutes $(MINUTES) --seed $(SEED) --on $(ON) --break "$(BREAK)"

cluster: $(FULL)
	@.ci/servers
	@$(PY) -m bench.cluster --break "$(BREAK)"

fuzz: $(FULL)
	@$(PY) -m tests.recognition.images.fuzz_images --seconds $(SECONDS)
	@FACESITE_DATA_DIR=$$(mktemp -d) $(PY) -m tests.web.fuzz_requests --seconds $(SECONDS)

# ENGINES=light|full|scale|gpu; takes root and debootstrap
image-steps:
	@python3 .ci/image_steps $(or $(ENGINES),light)

screenshots: $(FULL)
	@$(PY) -m tests.screenshots screenshots docs/images
