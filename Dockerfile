# All container images, a target each: reranker, retrieval, retrieval-kserve, training, sagemaker (docs/images.md).
#   docker build --target reranker --tag marquee-reranker:dev .
# Order: shared layers, packages, code, images. No COPY --link: Docker 20.10's builder has none.
ARG BUILD_IMAGE=python:3.11-slim-bookworm
ARG BASE_IMAGE=debian:bookworm-slim

FROM ${BASE_IMAGE} AS base
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends ca-certificates python3 tini >/dev/null \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/* /var/log/* \
 && echo 'marquee:x:10001:10001::/tmp:/usr/sbin/nologin' >>/etc/passwd && echo 'marquee:x:10001:' >>/etc/group \
 && install -d -o 10001 -g 10001 /artifacts
ENV HOME=/tmp LANG=C.UTF-8 PATH=/app/bin:/usr/local/bin:/usr/bin:/bin PYTHONPATH=/app:/opt/packages:/opt/torch \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 MARQUEE_HOST=0.0.0.0 MARQUEE_ARTIFACTS_DIR=/artifacts
WORKDIR /app

# --- Packages. Requirements are derived in a stage of their own, so that packages are installed again only when the
# requirements change, not when any line of pyproject.toml does.
FROM ${BUILD_IMAGE} AS requirements
WORKDIR /pins
COPY pyproject.toml constraints.txt .ci/requires ./
RUN for extra in serving training torchserve kserve sagemaker; do python requires $extra >$extra; done \
 && grep -E '^(numpy|torch)[<=>]' training >torch \
 && grep -E '^(filelock|fsspec|jinja2|markupsafe|mpmath|networkx|numpy|setuptools|sympy|typing-extensions)==' \
      constraints.txt >torch-constraints

FROM ${BUILD_IMAGE} AS builder
COPY .ci/install /usr/local/bin/install.sh
ENV PIP_CACHE_DIR=/cache

FROM builder AS torch
# An empty TORCH_INDEX: pip's own configuration says where torch is. A build with CUDA's packages is refused.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY --from=requirements /pins/torch /pins/torch-constraints /pins/
RUN --mount=type=cache,target=/cache,sharing=locked \
    install.sh - --no-deps ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} "$(grep ^torch /pins/torch)" \
 && { grep -q '^cuda.* = None' /venv/lib/python3.11/site-packages/torch/version.py || { \
      echo 'error: this torch is built for CUDA.  fix: --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cpu' >&2; \
      exit 2; }; } \
 && install.sh /opt/torch -c /pins/torch-constraints -r /pins/torch \
 && cd /opt/torch/torch && rm -rf include share test && find bin -type f ! -name torch_shm_manager -delete

FROM builder AS serving-packages
COPY constraints.txt /pins/constraints
COPY --from=requirements /pins/serving /pins/
RUN --mount=type=cache,target=/cache,sharing=locked install.sh /opt/packages -c /pins/constraints -r /pins/serving

FROM builder AS sagemaker-packages
COPY constraints.txt /pins/constraints
COPY --from=requirements /pins/sagemaker /pins/
RUN --mount=type=cache,target=/cache,sharing=locked install.sh /opt/packages -c /pins/constraints -r /pins/sagemaker

# What /opt/torch holds is not installed a second time.
FROM torch AS training-packages
ENV PYTHONPATH=/opt/torch
COPY constraints.txt /pins/constraints
COPY --from=requirements /pins/training /pins/
RUN --mount=type=cache,target=/cache,sharing=locked install.sh /opt/packages -c /pins/constraints -r /pins/training

FROM torch AS torchserve-packages
ENV PYTHONPATH=/opt/torch
COPY constraints-retrieval.txt /pins/constraints
COPY --from=requirements /pins/torchserve /pins/
RUN --mount=type=cache,target=/cache,sharing=locked install.sh /opt/packages -c /pins/constraints -r /pins/torchserve
# Netty would unpack its library into /tmp, where a hardened container can't execute anything. Java looks here first.
RUN python -m zipfile -e /opt/packages/ts/frontend/model-server.jar /tmp/jar \
 && install -D -m 644 -t /usr/lib/jni /tmp/jar/META-INF/native/libnetty_transport_native_epoll_*.so && rm -r /tmp/jar

FROM torch AS kserve-packages
ENV PYTHONPATH=/opt/torch
COPY constraints-retrieval.txt /pins/constraints
COPY --from=requirements /pins/kserve /pins/
RUN --mount=type=cache,target=/cache,sharing=locked install.sh /opt/packages -c /pins/constraints -r /pins/kserve

# --- Code, with bytecode that is never checked or written at run time.
FROM ${BUILD_IMAGE} AS core
COPY LICENSE NOTICE /app/
COPY src/marquee /app/marquee

FROM core AS core-with-cli
RUN mkdir /app/bin && printf '#!/usr/bin/python3\nfrom marquee_cli.main import main\n\nmain()\n' >/app/bin/marquee \
 && chmod 755 /app/bin/marquee
COPY src/marquee_cli /app/marquee_cli

FROM core-with-cli AS reranker-code
COPY serving/reranker/marquee_reranker /app/marquee_reranker
RUN python -m compileall -q --invalidation-mode unchecked-hash /app

FROM core-with-cli AS training-code
COPY training/marquee_training /app/marquee_training
RUN python -m compileall -q --invalidation-mode unchecked-hash /app

FROM core AS retrieval-code
COPY serving/torchserve/marquee_torchserve /app/marquee_torchserve
RUN python -m compileall -q --invalidation-mode unchecked-hash /app

FROM core AS sagemaker-code
COPY aws/__init__.py /app/aws/
COPY aws/sagemaker /app/aws/sagemaker
RUN python -m compileall -q --invalidation-mode unchecked-hash /app

# --- Images. HEALTHCHECK is for plain Docker; Kubernetes has probes of its own.
# A server's product over the catalogue is too small to share among threads: they would only compete.
FROM base AS server
ENV OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1
EXPOSE 8080 9090

FROM base AS base-with-torch
COPY --from=torch /opt/torch /opt/torch

FROM base-with-torch AS retrieval-server
ENV OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1
EXPOSE 8080 9090
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python3", "-c", "import os, urllib.request as r; \
r.urlopen('http://127.0.0.1:' + os.environ.get('MARQUEE_PORT', '8080') + '/predictions/two_tower', timeout=4)"]

FROM server AS reranker
COPY --from=serving-packages /opt/packages /opt/packages
COPY --from=reranker-code /app /app
USER 10001:10001
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python3", "-c", "import os, urllib.request as r; \
r.urlopen('http://127.0.0.1:' + os.environ.get('MARQUEE_PORT', '8080') + '/readyz', timeout=4)"]
ENTRYPOINT ["/usr/bin/tini", "--", "marquee"]
CMD ["serve"]
ARG GIT_COMMIT=unknown
ARG VERSION=unknown
ARG SOURCE=""
LABEL org.opencontainers.image.title="marquee-reranker" \
      org.opencontainers.image.description="Marquee's API and web page: re-ranks, explains and filters film recommendations" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$GIT_COMMIT" \
      org.opencontainers.image.source="$SOURCE"

FROM retrieval-server AS retrieval-kserve
COPY --from=kserve-packages /opt/packages /opt/packages
COPY --from=retrieval-code /app /app
USER 10001:10001
ENTRYPOINT ["/usr/bin/tini", "--", "python3", "-m", "marquee_torchserve.kserve_server"]
ARG GIT_COMMIT=unknown
ARG VERSION=unknown
ARG SOURCE=""
LABEL org.opencontainers.image.title="marquee-retrieval-kserve" \
      org.opencontainers.image.description="Marquee's Two-Tower retrieval under the kserve package" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$GIT_COMMIT" \
      org.opencontainers.image.source="$SOURCE"

FROM retrieval-server AS retrieval
RUN mkdir -p /usr/share/man/man1 && apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends openjdk-17-jre-headless >/dev/null \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/* /var/log/*
COPY --from=torchserve-packages /usr/lib/jni /usr/lib/jni
COPY --from=torchserve-packages /opt/packages /opt/packages
COPY --from=retrieval-code /app /app
USER 10001:10001
# 143 is how a JVM ends on SIGTERM, as it should.
ENTRYPOINT ["/usr/bin/tini", "-e", "143", "--", "python3", "-m", "marquee_torchserve.start"]
ARG GIT_COMMIT=unknown
ARG VERSION=unknown
ARG SOURCE=""
LABEL org.opencontainers.image.title="marquee-retrieval" \
      org.opencontainers.image.description="Marquee's Two-Tower retrieval under TorchServe, with KServe's V1 and V2 protocols" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$GIT_COMMIT" \
      org.opencontainers.image.source="$SOURCE"

FROM base-with-torch AS training
COPY --from=training-packages /opt/packages /opt/packages
COPY --from=training-code /app /app
USER 10001:10001
ENTRYPOINT ["/usr/bin/tini", "--", "marquee"]
CMD ["train"]
ARG GIT_COMMIT=unknown
ARG VERSION=unknown
ARG SOURCE=""
LABEL org.opencontainers.image.title="marquee-training" \
      org.opencontainers.image.description="Marquee's training: ratings in, a judged and published bundle out" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$GIT_COMMIT" \
      org.opencontainers.image.source="$SOURCE"
# Goes into every bundle's manifest.
ENV MARQUEE_GIT_COMMIT=$GIT_COMMIT

# SageMaker's container, the default of the AWS profile: numpy and a small server.
FROM base AS sagemaker
COPY --from=sagemaker-packages /opt/packages /opt/packages
COPY --from=sagemaker-code /app /app
# SageMaker unpacks the model archive there, read-only.
ENV OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 MARQUEE_ARTIFACTS_DIR=/opt/ml/model
EXPOSE 8080
USER 10001:10001
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python3", "-c", "import os, urllib.request as r; \
r.urlopen('http://127.0.0.1:' + os.environ.get('MARQUEE_PORT', '8080') + '/ping', timeout=4)"]
# SageMaker doesn't support tini as the entry point. The server has no children to wait for.
ENTRYPOINT ["python3", "-m", "aws.sagemaker.server"]
CMD ["serve"]
ARG GIT_COMMIT=unknown
ARG VERSION=unknown
ARG SOURCE=""
LABEL org.opencontainers.image.title="marquee-sagemaker" \
      org.opencontainers.image.description="Marquee's Two-Tower retrieval as a SageMaker container" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$GIT_COMMIT" \
      org.opencontainers.image.source="$SOURCE"
