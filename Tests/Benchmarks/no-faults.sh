#!/usr/bin/env bash
# Shows that an optimised server cannot be told to leave out a check: the names are not in it, and the flag is refused.
set -euo pipefail
server=$(realpath "$1")
cd "$(dirname "$0")/../.."
source=Server/Core/Faults.swift
faults=$(sed -nE 's/^ *case [a-zA-Z0-9]+ = "([a-z0-9-]+)"$/\1/p' "$source")
[ -n "$faults" ] || { echo "no faults are named in $source" >&2; exit 1; }
[ "$(echo "$faults" | wc -l)" = "$(grep -cE '^ *case ' "$source")" ] ||
    { echo "$source has a case that this script cannot read" >&2; exit 1; }
holds() { grep --quiet --text --fixed-strings -- "$1" "$2"; }

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for fault in $faults; do
    # Swift keeps texts of 15 octets and fewer inside instructions, where no search finds them.
    [ ${#fault} -gt 15 ] || { echo "the name $fault is too short to be looked for" >&2; exit 1; }
    # Where they are, the search finds them: without this, a search that is broken would find nothing wrong.
    if [ .build/debug/gatehouse -nt "$source" ] && ! holds "$fault" .build/debug/gatehouse; then
        echo "the search does not find $fault in the debug build, where it is" >&2
        exit 1
    fi
    if holds "$fault" "$server"; then
        echo "the optimised build holds the fault $fault" >&2
        exit 1
    fi
    code=0
    (cd "$folder" && timeout 20 "$server" serve --port 0 --fault "$fault") >/dev/null 2>"$folder/errors" || code=$?
    if [ "$code" != 2 ] || ! grep --quiet --fixed-strings 'unknown option --fault' "$folder/errors"; then
        echo "the optimised build does not refuse --fault $fault: exit code $code" >&2
        exit 1
    fi
done
echo "no named faults in $server: $(echo "$faults" | wc -l) looked for"
