#!/usr/bin/env bash
# Starts the server on fresh SQLite files and free loopback ports, runs the whole conformance suite and the SDK's tours against
# it through real sockets, and stops it. Exits with the first failure's code, after everything has run.
set -euo pipefail
cd "$(dirname "$0")/.."

source Conformance/server.sh

result=0
step() {
    printf '\n== %s\n' "$1"
    shift
    "$@" || { local code=$?; [ "$result" != 0 ] || result=$code; }
}

start wide --test-limits
step "Conformance suite, limits widened" \
    "$bin/gatehouse-conformance" run --target "$url" --variables "$work/wide.yaml" --mail-sink "$sink" --skip-tag limits --skip-tag proxied
step "Tours of the SDK" \
    "$bin/gatehouse-conformance" tour --target "$url" --variables "$work/wide.yaml" --mail-sink "$sink"
start proxied --test-limits --trusted-proxies 127.0.0.1
step "Conformance suite, behind a proxy" \
    "$bin/gatehouse-conformance" run --target "$url" --variables "$work/proxied.yaml" --tag proxied
start shipped
step "Conformance suite, limits as shipped" \
    "$bin/gatehouse-conformance" run --target "$url" --variables "$work/shipped.yaml" --mail-sink "$sink" --tag limits
exit "$result"
