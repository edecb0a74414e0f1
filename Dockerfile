# One image for every process. Its targets differ in what they run: api (the default) and worker.
# The base needs Python 3.11 or newer with pip and venv: python:3.11-slim-bookworm, or Debian with
# python3-venv and python3-pip.
ARG BASE_IMAGE=python:3.11-slim-bookworm

# --- build: everything that is needed once ---------------------------------------------------
# hadolint ignore=DL3006
FROM ${BASE_IMAGE} AS build

# pip reads these by itself; empty means its own defaults. See docs/operations.md for torch.
ARG PIP_INDEX_URL=
ARG PIP_EXTRA_INDEX_URL=
# cpu or cuda: which build of torch must come out
ARG TORCH=cpu
# Bytecode is compiled here, since later nobody may write it.
ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_PYTHON=/opt/polarizer/bin/python

RUN apt-get update \
    && apt-get install -y --no-install-recommends tini=0.19.* \
    && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv --without-pip /opt/polarizer

WORKDIR /src
COPY constraints.txt deploy/install-torch ./
RUN sh install-torch "${TORCH}"

# The requirements alone, so that a change of the source does not install them again.
COPY pyproject.toml deploy/requirements.py ./
RUN python3 requirements.py service worker telemetry > requirements.txt \
    && python3 -m pip install -c constraints.txt -r requirements.txt

COPY LICENSE README.md ./
COPY confinement confinement
COPY polarizer polarizer
COPY service service
COPY worker worker
COPY client client
RUN python3 -m pip install --no-deps .

# What the image holds, as CycloneDX, told by a tool that does not come with it.
RUN python3 -m venv --without-pip /opt/sbom \
    && PIP_PYTHON=/opt/sbom/bin/python python3 -m pip install -c constraints.txt cyclonedx-bom \
    && /opt/sbom/bin/cyclonedx-py environment --output-reproducible --output-format JSON \
        --output-file /opt/polarizer/sbom.json /opt/polarizer/bin/python

# --- runtime: Python, the packages, nothing to build with ------------------------------------
# hadolint ignore=DL3006
FROM ${BASE_IMAGE} AS runtime

ARG VERSION=0.1.0
ARG REVISION=
LABEL org.opencontainers.image.title="Neural Polarizer Service" \
      org.opencontainers.image.description="Repairs backdoored image classifiers, as a service" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

RUN groupadd --gid 10001 polarizer \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data \
        --shell /usr/sbin/nologin polarizer \
    && install -d -o 10001 -g 10001 -m 0750 /data
COPY --from=build /usr/bin/tini-static /usr/local/bin/tini
COPY --from=build /opt/polarizer /opt/polarizer

# Nothing is written outside /data and /tmp, so the root file system can be read-only.
ENV PATH=/opt/polarizer/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONSAFEPATH=1 \
    PYTHONUNBUFFERED=1 \
    HF_HUB_OFFLINE=1 \
    HF_HOME=/tmp/huggingface \
    ORT_DISABLE_TELEMETRY=1 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    POLARIZER_DATA_DIR=/data \
    POLARIZER_HOST=0.0.0.0 \
    POLARIZER_PORT=8000 \
    POLARIZER_LOG_FORMAT=json \
    POLARIZER_SANDBOX=require
USER 10001:10001
WORKDIR /data
VOLUME /data
# tini hands signals on and reaps what a killed job leaves behind.
ENTRYPOINT ["tini", "--"]

FROM runtime AS worker
HEALTHCHECK --interval=30s --timeout=20s --start-period=60s --retries=3 \
    CMD ["python", "-m", "worker", "healthy"]
CMD ["python", "-m", "worker"]

FROM runtime AS api
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['POLARIZER_PORT'] + '/healthz', timeout=4)"]
CMD ["python", "-m", "service", "api"]
