# syntax=docker/dockerfile:1

FROM rust:1.95-slim-bookworm AS build
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /build

# The dependencies in a layer of their own: it is built again only when they change.
COPY Cargo.toml Cargo.lock ./
COPY simulator/Cargo.toml simulator/
RUN mkdir -p src tests/it simulator/src && echo 'fn main() {}' > src/main.rs \
    && touch src/lib.rs tests/it/main.rs simulator/src/lib.rs \
    && cargo build --locked --profile dist --bin skillsync

COPY simulator simulator
COPY src src
COPY examples examples
RUN touch src/main.rs src/lib.rs simulator/src/lib.rs && cargo build --locked --profile dist --bin skillsync && mkdir journal

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /build/target/dist/skillsync /usr/local/bin/skillsync
# The journal's folder belongs to the user that the service runs as, and outlives the container as a volume.
COPY --from=build --chown=nonroot:nonroot /build/journal /var/lib/skillsync
ENV SKILLSYNC__JOURNAL__PATH=/var/lib/skillsync
VOLUME /var/lib/skillsync
USER nonroot
WORKDIR /etc/skillsync
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
    CMD ["/usr/local/bin/skillsync", "health", "--url", "http://127.0.0.1:8080"]
ENTRYPOINT ["/usr/local/bin/skillsync"]
CMD ["serve"]
