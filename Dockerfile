# server, client and pgw-cleaner, one target each:  docker build --target server .
# Dependencies are compiled in a layer of their own, which stays until a Cargo.toml or Cargo.lock changes.

FROM rust:1.90-slim-bookworm AS manifests
WORKDIR /src
COPY . .
# What cargo needs to resolve the workspace: manifests, and an empty file for every target.
RUN find . -name '*.rs' \( -path '*/src/*' -not -name main.rs -not -name lib.rs -not -path '*/bin/*' \) -delete \
    && find . -name '*.rs' -exec sh -c 'for file; do printf "//! Empty.\n\nfn main() { }\n" >"$file"; done' sh {} + \
    && find . -type f -not -name '*.rs' -not -name Cargo.toml -not -name Cargo.lock -delete

FROM rust:1.90-slim-bookworm AS build
WORKDIR /src
COPY --from=manifests /src .
RUN cargo build --release --locked -p server -p client -p pgw-cleaner
COPY . .
# The commit that --version names, as the context has no git: --build-arg COMMIT="$(git rev-parse --short=12 HEAD)".
ARG COMMIT
# Cargo goes by time, and the sources may be older than the empty files that were just compiled. What dependencies generated in target stays.
RUN find . -path ./target -prune -o -name '*.rs' -exec touch {} + \
    && cargo build --release --locked -p server -p client -p pgw-cleaner

FROM debian:12.11-slim AS run
# wget for healthchecks, certificates for gateways behind TLS.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates wget \
    && rm -rf /var/lib/apt/lists/*
USER 65532:65532

FROM run AS pgw-cleaner
COPY --from=build /src/target/release/pgw-cleaner /usr/local/bin/
EXPOSE 9105
ENTRYPOINT ["pgw-cleaner"]

FROM run AS client
COPY --from=build /src/target/release/client /usr/local/bin/
EXPOSE 9097
ENTRYPOINT ["client"]

FROM run AS server
COPY --from=build /src/target/release/server /usr/local/bin/
EXPOSE 20000 9099
ENTRYPOINT ["server"]
