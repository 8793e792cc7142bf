#!/usr/bin/env bash
# Shows that an optimised server cannot be told to leave out a check: the names are not in it, and the flag is refused.
set -euo pipefail
server=$1
faults=$(sed -n 's/.*case [a-zA-Z]* = "\([a-z-]*\)".*/\1/p' "$(dirname "$0")/../../Server/Core/Faults.swift")
[ -n "$faults" ] || { echo "no faults are named in Faults.swift" >&2; exit 1; }
for fault in $faults; do
    if grep --quiet --text --fixed-strings -- "$fault" "$server"; then
        echo "the optimised build holds the fault $fault" >&2
        exit 1
    fi
    if "$server" serve --fault "$fault" 2>/dev/null; then
        echo "the optimised build takes --fault $fault" >&2
        exit 1
    fi
done
echo "no named faults in $server: $(echo "$faults" | wc -l) looked for"
