# Recipes for people; CI runs the same steps through .ci/run.

# List the recipes.
default:
    @just --list

# Run the demo: simulator, service, 500 users, 30 skill groups, conflicts.
demo *arguments:
    cargo run -- demo {{arguments}}

# Run all tests.
test:
    .ci/run tests

# Formatting, lints, documentation.
check:
    .ci/run fmt clippy doc

# Everything that CI runs.
ci:
    .ci/run

# Write the OpenAPI document anew after a change of the HTTP API.
openapi:
    cargo run -- openapi > openapi/openapi.json

# What the service itself costs, beside the least that it could; writes "The service" in docs/PERFORMANCE.md (some ten minutes).
bench:
    benches/report.sh

# The rate limiter beside others, and the service beside the least that its work takes; prints the tables of docs/PERFORMANCE.md, "Use of the permitted rate".
bench-pace *parts:
    cargo bench --bench pace -- {{parts}}

# Polls, submissions and event streams beside a bare axum handler; prints the tables of docs/PERFORMANCE.md, "The HTTP API".
bench-api *parts:
    cargo bench --bench api -- {{parts}}

# The journal beside raw appends, and how long it takes to read one back; prints the figures of docs/JOURNAL.md.
bench-journal:
    cargo bench --bench journal
