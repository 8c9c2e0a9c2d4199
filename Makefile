# Every task of the project. `make` alone lists them.
SHELL := /bin/sh
.DEFAULT_GOAL := help
export HF_HUB_OFFLINE := 1
export RASA_TELEMETRY_ENABLED := false
export PYTHONUNBUFFERED := 1
PY := .venv/bin/python
RASA := .venv-rasa/bin/python

.PHONY: help
help: ## list the tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## make the two Python environments (does nothing when nothing changed)
	@deploy/setup.sh

.PHONY: build
build: setup ## build the index from the approved passages, and train the dialogue (only what changed)
	@$(PY) -m knowledge build --encoder
	@$(RASA) -m bot.rasa_server --train & training=$$!; \
	    $(PY) -m knowledge build || { kill $$training; exit 1; }; wait $$training

.PHONY: run
run: build ## start everything; opens on http://localhost:8000
	@exec $(PY) -m bot

.PHONY: chat
chat: ## talk with the running assistant in this terminal
	@$(PY) -m bot.terminal

.PHONY: check
check: setup ## lint the articles and say where each passage stands
	@$(PY) -m knowledge check

.PHONY: lint
lint: setup ## ruff and mypy
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy

# Rasa warns of each wording that no rule names: our actions speak them by name, and tests/actions checks those names.
.PHONY: validate
validate: setup ## rasa data validate: domain, training data and rules fit one another
	@mkdir -p var
	@PYTHONPATH=. $(RASA) -m rasa data validate --config config.yml --domain bot/domain --data bot/data > var/validate.log 2>&1 \
	    || { cat var/validate.log; exit 1; }

.PHONY: test
test: build lint validate ## everything: lint, types, rasa data validate, unit, end-to-end and browser tests
	@$(PY) -m pytest

.PHONY: test-fast
test-fast: setup ## the tests that start no process and train nothing
	@$(PY) -m pytest -m "not slow and not browser"

.PHONY: eval
eval: build ## measure retrieval on the golden questions, test split (report in var/reports)
	@$(PY) -m tests.golden.evaluate

.PHONY: eval-safety
eval-safety: build ## measure the safety screen on the golden messages, each miss printed
	@$(PY) -m tests.safety.evaluate

.PHONY: fit
fit: build ## fit the ranking's numbers on the dev split (knowledge/ranking.json)
	@$(PY) -m tests.golden.fit

.PHONY: bench-retrieval
bench-retrieval: build ## latency and memory of retrieval by index size, and simpler baselines beside it
	@$(PY) -m tests.bench.bench_retrieval

.PHONY: bench-knowledge
bench-knowledge: build ## import, approve and build 1,000 made-up articles; time and memory of each step
	@$(PY) -m tests.bench.bench_knowledge

.PHONY: bench-dialogue
bench-dialogue: build ## training, loading, latency and throughput of the dialogue, stock Rasa beside it
	@$(PY) -m tests.bench.bench_dialogue

.PHONY: eval-dialogue
eval-dialogue: build ## intent F1, five folds and the separately written file; confusion picture in var/reports
	@mkdir -p var/reports
	@PYTHONPATH=. $(RASA) -m tests.rasa.cross_validation --report var/reports 2> var/reports/dialogue.log \
	    || { cat var/reports/dialogue.log; exit 1; }

.PHONY: report-content
report-content: setup ## reading grades, lengths and topics of the articles as a picture (var/reports)
	@$(PY) -m knowledge.content_report

.PHONY: lock
lock: setup ## resolve the exact versions of all packages anew
	@deploy/lock.sh

.PHONY: clean
clean: ## remove what was built; environments, secrets and databases stay
	@rm -rf knowledge/build var/models .pytest_cache .mypy_cache .ruff_cache
