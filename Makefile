# Everything one does with Marquee, in the order of the data. `make help` lists it.
.DEFAULT_GOAL := help
.PHONY: help setup demo data train evaluate sweep publish verify rollback recommend serve doctor \
        kind-up kind-load install uninstall kind-down test-cluster mar images test-images retrieval-env test test-unit lint format docs screenshots constraints clean

BIN := .venv/bin
STORE ?= artifacts
CONFIG ?= auto
READY := .venv/.ready
export TAG ?= dev
RETRIEVAL_READY := .venv-retrieval/.ready

help: ## List the targets.
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Begin
setup: $(READY) ## Make .venv with everything for work and tests.

$(READY): pyproject.toml constraints.txt .ci/setup
	.ci/setup
	@touch $@

retrieval-env: $(RETRIEVAL_READY) ## Make .venv-retrieval with TorchServe and kserve, for tests and benchmarks.

$(RETRIEVAL_READY): pyproject.toml constraints-retrieval.txt .ci/setup | $(READY)
	.ci/setup retrieval
	@touch $@

demo: setup ## Train on real ratings, recommend for a sample, serve the page on port 8080 (DEMO_SERVE=no: don't).
	$(BIN)/marquee demo --store $(STORE) $(if $(filter no,$(DEMO_SERVE)),--no-serve)

##@ From ratings to a bundle
data: setup ## Find, check and describe the ratings (MARQUEE_DATA_DIR, or fetched).
	$(BIN)/marquee data

train: setup ## Train, judge on people held out, publish (CONFIG=auto|small|medium|full|classic|quick|FILE).
	$(BIN)/marquee train --store $(STORE) --config $(CONFIG)

evaluate: setup ## Judge the product beside its baselines; publishes nothing.
	$(BIN)/marquee evaluate --config $(CONFIG)

sweep: setup ## Try the re-ranker's dials (SIZE=quick|medium|full); writes eval/sweep_SIZE.csv and .png.
	$(BIN)/marquee sweep --config $(CONFIG) --size $(or $(SIZE),quick)

##@ Bundles
publish: setup ## Copy a bundle made elsewhere into the store (BUNDLE=folder).
	$(BIN)/marquee publish $(BUNDLE) --store $(STORE)

verify: setup ## Check every file of the current bundle.
	$(BIN)/marquee verify --store $(STORE)

rollback: setup ## Make the previous bundle current.
	$(BIN)/marquee rollback --store $(STORE)

##@ Recommendations
recommend: setup ## Recommend for TMDB ids (IDS=1585,4935,597).
	$(BIN)/marquee recommend --store $(STORE) --tmdb-ids $(or $(IDS),1585,4935,597) --top-n 5

serve: setup ## Serve the API and the page on port 8080.
	$(BIN)/marquee serve --store $(STORE)

doctor: setup ## What is installed, and is the bundle sound?
	$(BIN)/marquee doctor --store $(STORE)

##@ Containers
mar: setup ## Build TorchServe's model archive (code only) into build/.
	$(BIN)/python -m marquee_torchserve.archive build

images: ## Build the container images (TAG=dev, REGISTRY=a prefix, PUSH=1; docs/images.md).
	.ci/images

test-images: setup ## Run the images that `make images` built.
	IMAGE_TAG=$(or $(TAG),dev) $(BIN)/python -m pytest tests/images

##@ Kubernetes
kind-up: ## A cluster on this machine, with metrics-server and KServe (KSERVE_MANIFEST=no: without).
	k8s/kind-up

kind-load: ## Bring the images of `make images` into it.
	k8s/kind-load

install: ## Install or upgrade the release in it; ends when recommendations are served.
	k8s/install

uninstall: ## Remove the release; its volume stays.
	k8s/uninstall

kind-down: ## Remove the cluster, and all that is in it.
	k8s/kind-down

test-cluster: setup ## Everything on a cluster of its own (25 minutes).
	$(BIN)/python -m pytest tests/cluster

include aws/Makefile
##@ Work on Marquee
test: setup retrieval-env lint ## Everything that CI checks without a cluster.
	$(BIN)/python -m pytest -n auto --maxprocesses=8 --durations=20

test-unit: setup ## The quick tests only.
	$(BIN)/python -m pytest -n auto --maxprocesses=8 tests/unit -m "not slow"

lint: setup ## Style, types, imports between packages, spelling.
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/mypy && PYTHONPATH=aws/lambda $(BIN)/lint-imports && $(BIN)/codespell

format: setup ## Put the style right.
	$(BIN)/ruff check --fix . && $(BIN)/ruff format .

docs: setup ## Write the reference tables of docs/, docs/openapi.json and the chart's README from the code.
	$(BIN)/python .ci/reference.py

screenshots: setup ## Pictures of the page into docs/, from a server with MovieLens (URL=http://127.0.0.1:8080).
	$(BIN)/python -m tests.browser.screenshots $(or $(URL),http://127.0.0.1:8080)

constraints: setup ## Pin the newest versions that fit (constraints.txt).
	$(BIN)/python .ci/pin

clean: ## Remove .venv and caches; bundles stay.
	rm -rf .venv .venv-retrieval .venv-aws .venv-quality build .pytest_cache .mypy_cache .ruff_cache .hypothesis
