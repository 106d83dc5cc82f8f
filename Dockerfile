# syntax=docker/dockerfile:1
# The image of every weir service: one binary, and which service it is says the command.
# Built with caches for crates and target, so that a change of a line compiles a crate, not all.
# What the last stage copies is summed by `scripts/check-infra --static` (goal: under 80 MB).
ARG RUST_VERSION=1.95.0
FROM rust:${RUST_VERSION}-slim-bookworm AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends g++ libssl-dev make pkg-config zlib1g-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# The binary, without debug symbols, and zlib, which the last stage's base does not have. OpenSSL is
# linked into the binary (.cargo/config.toml); the base has the certificates of authorities. The
# caches are gone after this step: what is kept is copied within it.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --package weir --bin weir \
 && install -D --strip target/release/weir /out/usr/bin/weir \
 && zlib=$(ldd target/release/weir | awk '$1 == "libz.so.1" {print $3}') \
 && install -D --mode=644 "$(readlink -f "$zlib")" "/out/usr${zlib#/usr}"

FROM gcr.io/distroless/cc-debian12:nonroot
ARG VERSION=0.2.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="weir" \
      org.opencontainers.image.description="Numbers people can trust, of raw telemetry" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /out/ /
# Services keep nothing on disk; commands that do (simulate, record) write here.
ENV WEIR_DATA_DIR=/tmp
USER 65532:65532
# Health and metrics; the gateway (HTTP, gRPC); the api.
EXPOSE 9464 4318 4317 9347
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s --retries=3 \
  CMD ["/usr/bin/weir", "probe", "127.0.0.1:9464"]
ENTRYPOINT ["/usr/bin/weir"]
CMD ["--help"]
