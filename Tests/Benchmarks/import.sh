#!/usr/bin/env bash
# Imports an export of so many documents into a fresh store and prints rate and memory; then once more, when all is there.
# usage: import.sh GATEHOUSE [DOCUMENTS]
set -euo pipefail
gatehouse=$(realpath "$1")
generator=$(realpath "$(dirname "$0")/mongoexport.py")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -B "$generator" "${2:-100000}" > export.json
for run in "--dry-run" "" ""; do
    echo "== gatehouse import c3-pro export.json $run"
    # shellcheck disable=SC2086
    "$gatehouse" import c3-pro export.json $run
done
