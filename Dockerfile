# The pipeline in a container; docs/containers.md shows how it is built and run.
FROM python:3.12-slim-bookworm

# Make runs the stages, torch.compile and DeepSpeed call a compiler, and manifests name the commit.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends build-essential git \
    && rm -rf /var/lib/apt/lists/*

ARG UID=1000
RUN useradd --create-home --uid "${UID}" lm && mkdir /work && chown lm:lm /work
USER ${UID}
WORKDIR /work

COPY --chown=lm:lm . .

# PyTorch without CUDA; --build-arg TORCH_INDEX= takes PyPI's, which brings CUDA along.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN PIP_EXTRA_INDEX_URL="${TORCH_INDEX}" PIP_NO_CACHE_DIR=1 make venv

ENTRYPOINT ["make"]
CMD ["help"]
