# Entry points, in the order of the data: ratings, bundle, recommendations, images, cluster. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help setup demo data train evaluate sweep publish verify rollback recommend serve doctor \
        kind-up kind-load install uninstall kind-down test-cluster mar images test-images retrieval-env test test-unit lint format docs screenshots bench constraints clean

BIN := .venv/bin
STORE ?= artifacts
CONFIG ?= auto
# Stamp files: an environment is rebuilt when its inputs change.
READY := .venv/.ready
export TAG ?= dev
# With it, each of the hundreds of processes that tests start would compile our code again.
unexport PYTHONDONTWRITEBYTECODE
RETRIEVAL_READY := .venv-retrieval/.ready

help: ## List the targets.
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Start
setup: $(READY) ## Create .venv with development and test dependencies.

$(READY): pyproject.toml constraints.txt .ci/setup
	.ci/setup
	@touch $@

retrieval-env: $(RETRIEVAL_READY) ## Create .venv-retrieval with TorchServe and kserve (tests, benchmarks).

$(RETRIEVAL_READY): pyproject.toml constraints-retrieval.txt .ci/setup | $(READY)
	.ci/setup retrieval
	@touch $@

demo: setup ## Train on real ratings, print recommendations, serve the page on port 8080 (DEMO_SERVE=no: stop before serving).
	$(BIN)/marquee demo --store $(STORE) $(if $(filter no,$(DEMO_SERVE)),--no-serve)

##@ From ratings to a bundle
data: setup ## Validate and describe the ratings (MARQUEE_DATA_DIR, or downloaded).
	$(BIN)/marquee data

train: setup ## Train, evaluate on held-out users, publish (CONFIG=auto|small|medium|full|classic|quick|FILE).
	$(BIN)/marquee train --store $(STORE) --config $(CONFIG)

evaluate: setup ## Evaluate the pipeline and its baselines; publishes nothing.
	$(BIN)/marquee evaluate --config $(CONFIG)

sweep: setup ## Sweep the re-ranker's settings (SIZE=quick|medium|full); writes eval/sweep_SIZE.csv and .png.
	$(BIN)/marquee sweep --config $(CONFIG) --size $(or $(SIZE),quick)

##@ Bundles
publish: setup ## Copy a bundle into the store and activate it (BUNDLE=folder).
	$(BIN)/marquee publish $(BUNDLE) --store $(STORE)

verify: setup ## Verify the checksums of the current bundle.
	$(BIN)/marquee verify --store $(STORE)

rollback: setup ## Activate the previous bundle.
	$(BIN)/marquee rollback --store $(STORE)

##@ Recommendations
recommend: setup ## Recommend for TMDB ids (IDS=1585,4935,597).
	$(BIN)/marquee recommend --store $(STORE) --tmdb-ids $(or $(IDS),1585,4935,597) --top-n 5

serve: setup ## Serve the API and the page on port 8080.
	$(BIN)/marquee serve --store $(STORE)

doctor: setup ## Check the installation and the bundle.
	$(BIN)/marquee doctor --store $(STORE)

##@ Containers
mar: setup ## Build TorchServe's model archive (code only) into build/.
	$(BIN)/python -m marquee_torchserve.archive build

images: ## Build the container images (TAG=dev, REGISTRY=a prefix, PUSH=1; docs/images.md).
	.ci/images

test-images: setup ## Test the images that `make images` built.
	IMAGE_TAG=$(or $(TAG),dev) $(BIN)/python -m pytest tests/images

##@ Kubernetes
kind-up: ## Create a kind cluster with metrics-server and KServe (KSERVE_MANIFEST=no: without KServe).
	k8s/kind-up

kind-load: ## Load the images of `make images` into the cluster.
	k8s/kind-load

install: ## Install or upgrade the release; returns when recommendations are served.
	k8s/install

uninstall: ## Uninstall the release; its volume remains.
	k8s/uninstall

kind-down: ## Delete the cluster.
	k8s/kind-down

test-cluster: setup ## Run the cluster tests on a kind cluster of their own (25 minutes).
	$(BIN)/python -m pytest tests/cluster

include aws/Makefile

##@ Work on Marquee
test: setup retrieval-env lint ## Lint, type-check, and run all tests that need neither images nor a cluster.
	$(BIN)/python -m pytest -n auto --maxprocesses=8 --durations=20

test-unit: setup ## Run the unit tests without the slow ones.
	$(BIN)/python -m pytest -n auto --maxprocesses=8 tests/unit -m "not slow"

lint: setup ## Check style, types, import layers and spelling.
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/mypy && PYTHONPATH=aws/lambda $(BIN)/lint-imports && $(BIN)/codespell

format: setup ## Format the code and apply automatic fixes.
	$(BIN)/ruff check --fix . && $(BIN)/ruff format .

docs: setup ## Write the reference tables of docs/, docs/openapi.json and the chart's README from the code.
	$(BIN)/python .ci/reference.py

screenshots: setup ## Take the pictures of the page in docs/, from a server with MovieLens (URL=http://127.0.0.1:8080).
	$(BIN)/python -m tests.browser.screenshots $(or $(URL),http://127.0.0.1:8080)

bench: setup retrieval-env ## Measure all figures of docs/performance.md, on a machine that does nothing else (2 hours).
	$(BIN)/python -m benchmarks.serving all

constraints: setup ## Resolve and pin dependencies (constraints*.txt).
	$(BIN)/python .ci/pin

clean: ## Remove environments and caches; bundles remain.
	rm -rf .venv .venv-retrieval .venv-aws .venv-quality .venv-serving build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage
