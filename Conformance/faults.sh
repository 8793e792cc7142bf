#!/usr/bin/env bash
# Leaves out one check of signatures after the other (`gatehouse serve --fault`, debug builds only), runs the suites about
# signatures at each, and prints how many scenarios noticed. Fails when one went unnoticed.
set -euo pipefail
cd "$(dirname "$0")/.."
source Conformance/server.sh

suites=(--only 'cavage/*' --only 'rfc9421/*' --only 'api/signed/*' --only 'api/once/*')
judge() { # NAME: prints the ids of the scenarios that failed
    "$bin/gatehouse-conformance" run --target "$url" --variables "$work/$1.yaml" "${suites[@]}" --quiet \
        --json "$work/$1.json" > "$work/$1.report" || true
    python3 - "$work/$1.json" <<'PYTHON'
import json, sys
print("\n".join(r["id"] for r in json.load(open(sys.argv[1]))["results"] if r["outcome"] == "failed"))
PYTHON
}

start sound --test-limits > /dev/null 2>&1
sound=$(judge sound)
[ -z "$sound" ] || { echo "with every check in place these failed: $sound" >&2; exit 1; }

# It names them all when it is asked for one that there is not.
faults=$({ "$bin/gatehouse" serve --fault unknown 2>&1 || true; } | grep -o 'signature-[a-z-]*' | sort -u)
result=0
printf '%-42s %9s  %s\n' FAULT 'NOTICED BY' FIRST
for fault in $faults; do
    start "$fault" --test-limits --fault "$fault" > /dev/null 2>&1
    failed=$(judge "$fault")
    count=$(grep -c . <<< "$failed" || true)
    printf '%-42s %9s  %s\n' "$fault" "$count" "$(head -1 <<< "$failed")"
    [ "$count" != 0 ] || result=1
done
exit "$result"
