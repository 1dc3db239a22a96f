# syntax=docker/dockerfile:1
# One image, three commands: the bot (`run`, the default), the collector (`collect`), the trainer (`train`).
# For both architectures: docker buildx build --platform linux/amd64,linux/arm64 --tag ADDRESS --push .
ARG BASE=python:3.11-slim-bookworm

# The dependencies, from the hashed lock and as wheels only: a layer that changes when the lock does.
# hadolint ignore=DL3006
FROM ${BASE} AS packages
WORKDIR /build
COPY requirements/build.txt ./
RUN python3 -m venv /opt/build \
    && /opt/build/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r build.txt
COPY requirements/run.txt ./
# Bytecode is made here, as nothing can be written later.
RUN --mount=type=cache,target=/root/.cache/uv \
    python3 -m venv --without-pip /opt/axieflip \
    && /opt/build/bin/uv pip install --python /opt/axieflip/bin/python --require-hashes --only-binary :all: \
        --link-mode copy --compile-bytecode -r run.txt

# The project itself: a few hundred kilobytes above them.
FROM packages AS project
COPY pyproject.toml README.md LICENSE ./
COPY bot ./bot
COPY cogs ./cogs
COPY migrations ./migrations
COPY models ./models
COPY pipeline ./pipeline
COPY sandbox ./sandbox
RUN /opt/build/bin/uv build --python /opt/build/bin/python --no-build-isolation --wheel --out-dir /build/dist . \
    && /opt/build/bin/uv pip install --python /opt/axieflip/bin/python --no-deps --compile-bytecode \
        --target /opt/project /build/dist/*.whl

# hadolint ignore=DL3006
FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="axieflip" \
    org.opencontainers.image.description="A Discord bot that finds Axie Infinity listings a resale of which would pay." \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
# All that is written goes to the two volumes, so that the root file system may be read-only. One thread a
# process, and few arenas of memory: the bot gains nothing from more, and the trainer's workers are processes.
ENV PATH=/opt/project/bin:/opt/axieflip/bin:/usr/local/bin:/usr/bin:/usr/sbin:/bin \
    PYTHONPATH=/opt/project \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    MPLCONFIGDIR=/tmp/matplotlib \
    OMP_NUM_THREADS=1 \
    OPENBLAS_NUM_THREADS=1 \
    MALLOC_ARENA_MAX=2 \
    GX_ANALYTICS_ENABLED=false \
    LOG_FORMAT=json
RUN groupadd --gid 10001 axieflip \
    && useradd --uid 10001 --gid 10001 --home-dir /var/lib/axieflip --no-create-home --shell /usr/sbin/nologin axieflip \
    && install --directory --owner=10001 --group=10001 /var/lib/axieflip
COPY --from=packages /opt/axieflip /opt/axieflip
COPY --from=project /opt/project /opt/project
WORKDIR /var/lib/axieflip
VOLUME ["/var/lib/axieflip", "/tmp"]
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-m", "bot.alive"]
ENTRYPOINT ["axieflip"]
CMD ["run"]
