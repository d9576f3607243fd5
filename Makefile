# Two commands do all the set-up: `make run` and `make test`. `make help` lists the rest.
PYTHON ?= python3
REGION ?= us-central1
BIN := .venv/bin
export PYTHONPATH := $(CURDIR)
# Every process starts sooner where bytecode is kept.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run engine test lint format bench soak audit terraform package deploy apply destroy screenshots openapi lock clean \
	distclean .run .test .project

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .run ## start everything on this machine and load six sample calls (PORT=8080, SAMPLES=0 for none)
	@exec $(BIN)/python -m deploy.local

engine: .run ## start the speech engine alone (ENGINE_PORT=8090): a server with Symbl's contract
	@exec $(BIN)/python -m deploy.engine

test: .test ## run all tests
	@$(BIN)/python -m pytest $(ARGS)

lint: .test ## check style, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .test ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .test ## print ratios and counts: RPCs per recording, slot use, search over 100,000 calls, cold start, the engine
	@$(BIN)/python -m pytest tests/benchmarks -m benchmark -n 0 -q -s

soak: .test ## send 500 recordings through everything while everything fails, and a call of four hours (three quarters of an hour)
	@$(BIN)/python -m pytest tests/soak -m soak -n 0 -q

audit: .test ## look for known holes in dependencies, for risky code, and at every licence (deploy/audit.yaml)
	@$(BIN)/python -m deploy.audit $(ARGS)

terraform: ## check and test the Terraform configurations; no project is needed
	@set -e; for each in deploy/terraform deploy/terraform/platform; do \
	    terraform -chdir=$$each fmt -check -recursive && terraform -chdir=$$each init -input=false -backend=false && \
	    terraform -chdir=$$each validate && terraform -chdir=$$each test; done

package: ## write the functions' source as it is deployed into .local/functions.zip
	@$(PYTHON) deploy/package.py

deploy: .project ## set a project up and deploy into it (PROJECT=, REGION=us-central1, REPOSITORY=owner/name for builds on push)
	deploy/bootstrap.sh $(PROJECT) $(REGION) $(REPOSITORY)
	gcloud builds submit --project=$(PROJECT) --region=$(REGION) --config=cloudbuild.yaml --substitutions=_DEPLOY=yes,_REGION=$(REGION) .

apply: .project package ## apply what is checked out, with your own rights (ENGINE_IMAGE= where the engine is to change)
	deploy/apply.sh apply $(PROJECT) $(REGION) $(ENGINE_IMAGE)

destroy: .project ## take the deployment down; recordings and database stay unless EVERYTHING=yes
	@printf 'This takes calltrack down in %s. Type the project to go on: ' '$(PROJECT)'; read said; test "$$said" = '$(PROJECT)'
	deploy/apply.sh destroy $(PROJECT) $(REGION)

openapi: .test ## write docs/openapi.json anew, when the API is meant to change
	@$(BIN)/python -m functions.api > docs/openapi.json

screenshots: .test ## picture every page in every state into .local/pictures, and the README's two
	@mkdir -p .local/pictures
	@PICTURES=.local/pictures $(BIN)/python -m pytest tests/e2e/browser/test_states.py -n 0 -q
	@cp .local/pictures/call-wide-first.png docs/images/call.png
	@cp .local/pictures/calls-found-wide-first.png docs/images/calls.png

lock: .test ## resolve the dependencies in pyproject.toml again, with hashes
	@$(BIN)/python deploy/lock.py

clean: ## remove what runs have left (.local)
	rm -rf $(or $(LOCAL_STATE),.local)

distclean: clean ## remove everything that is not in the repository
	rm -rf .venv .models .mypy_cache .ruff_cache .pytest_cache .hypothesis

.run:
	@$(PYTHON) deploy/setup.py run
	@$(BIN)/python -m deploy.engine.models fetch >/dev/null || true  # what is missing is told at start

.test:
	@$(PYTHON) deploy/setup.py test
	@$(BIN)/python -m deploy.engine.models fetch >/dev/null || true  # what is missing is told at start

.project:
	@test -n '$(PROJECT)' || { echo 'Which project? make $(MAKECMDGOALS) PROJECT=my-project' >&2; exit 2; }
