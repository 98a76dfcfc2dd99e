# Every target sets up what it needs: a virtual environment in .venv with the versions of requirements.lock.
# Write ARGS=... to pass more to a command, as in `make test ARGS="-k data"`.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
PYTHON := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
COURSE := $(VENV)/.course
PIP := $(PYTHON) -m pip --disable-pip-version-check
ARGS ?=
# Processes that share the tests.
WORKERS ?= 2

.PHONY: help book test test-live numbers course slides assignments grade usb lab rehearse wheel pdf release bench against study sbc house lock repository clean

help: ## show this list
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /|/' | awk -F'|' '{printf "make %-12s %s\n", $$1, $$2}'

$(PYTHON):
	@python=$$(sh tools/find-python.sh) || exit 1; \
	echo "Making $(VENV) with $$python"; \
	"$$python" -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "Python's venv module does not work here; on Debian and Ubuntu, install python3-venv." >&2; exit 1; }

$(INSTALLED): pyproject.toml requirements.lock | $(PYTHON)
	$(PYTHON) tools/install.py
	@touch $@

# What those who teach need beside it, at the same versions.
$(COURSE): tools/course.lock $(INSTALLED)
	$(PIP) install -r requirements.lock -r tools/course.lock
	@touch $@

book: $(INSTALLED) ## build the book; open _build/html/index.html
	$(PYTHON) tools/build_book.py

test: $(INSTALLED) ## run all tests, those of the built book included
	$(PYTHON) -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder -m "not live" $(ARGS)

test-live: $(INSTALLED) ## open every chapter in JupyterLab and run it there, as a reader would; needs Chromium
	$(PYTHON) -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder -m live $(ARGS)

numbers: $(INSTALLED) ## run chapters and slides and write the numbers of their prose anew: make numbers ARGS="03 unit_07"
	$(PYTHON) tools/write_numbers.py $(ARGS)

course: $(INSTALLED) ## write the teachers' pages; SLOTS="90 90" DATE=... WITHOUT="3 8" for a plan of your own
	$(PYTHON) tools/course.py --slots "$(SLOTS)" --date "$(DATE)" --without "$(WITHOUT)" --known "$(KNOWN)"

slides: $(COURSE) ## build the slides of every unit; open _build/course/slides/index.html, which needs no network
	$(PYTHON) tools/build_slides.py

assignments: $(COURSE) ## write a class's own homework, exam, quizzes and projects into _build/course/CLASS: make assignments CLASS=your-own-word
	@$(PYTHON) tools/assignments.py --word "$(CLASS)"

grade: $(COURSE) ## mark a folder of notebooks: make grade CLASS=your-own-word IN=folder
	@$(PYTHON) tools/grade.py --word "$(CLASS)" --given "$(IN)"

usb: $(COURSE) ## put a workshop without a network on a stick: _build/course/usb; SYSTEMS="windows macos linux" PYTHONS="3.12 3.13 3.14" ZIP=1
	$(PYTHON) tools/usb.py --systems "$(SYSTEMS)" --pythons "$(PYTHONS)" $(if $(ZIP),--zip)

lab: $(INSTALLED) ## work on the notebooks in JupyterLab; needs no network
	$(PYTHON) -m ssmelsm_helpers start $(ARGS)

rehearse: $(INSTALLED) ## rehearse what Binder does, on one core
	$(PYTHON) tools/rehearse_binder.py

wheel: $(INSTALLED) ## build the wheel of a release in dist
	$(PIP) wheel --no-deps --no-build-isolation --wheel-dir dist .

pdf: book ## print the book into _build/book.pdf, or some pages of it: make pdf ARGS="07 glossary"; needs Chromium
	$(PYTHON) tools/print_book.py $(ARGS)

release: pdf slides ## put a release into dist: wheel, book, PDF, sticks for workshops, notes; TAG=v1.2.3 checks the tag
	$(PYTHON) tools/release.py $(TAG)

bench: $(INSTALLED) ## measure time and memory; FULL=1 with 100 million students
	FULL=$(FULL) $(PYTHON) tests/benchmarks/bench.py $(ARGS)

against: $(INSTALLED) ## time this package beside PyMC's plain model and Bambi
	$(PYTHON) tests/benchmarks/against.py $(ARGS)

study: $(INSTALLED) ## run the simulation studies; QUICK=1 for five replications instead of a hundred
	$(PYTHON) tools/study.py study $(if $(QUICK),quick)

sbc: $(INSTALLED) ## simulation-based calibration of all formulations and samplers; QUICK=1 for a glance
	$(PYTHON) tools/study.py sbc $(if $(QUICK),quick)

house: $(INSTALLED) ## count the package's lines of code by room
	$(PYTHON) tools/house.py

lock: $(INSTALLED) ## write requirements.lock from what is installed in .venv
	$(PYTHON) tools/lock.py

repository: $(INSTALLED) ## set the public address: make repository URL=https://github.com/OWNER/NAME
	$(PYTHON) tools/repository.py "$(URL)"

clean: ## remove what was built; .venv and downloads stay
	rm -rf _build dist .pytest_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
