#!/usr/bin/env bash
# Runs the tests that have been built, with a folder of their own for what they write, and fails when they leave something there.
set -euo pipefail
# The mail server that some tests send to, in the versions that its list pins.
requirements=Tests/Support/MailServer/requirements.txt
if ! cmp --silent "$requirements" .build/mailserver/requirements.txt; then
    python3 -m venv .build/mailserver
    .build/mailserver/bin/pip install --quiet --disable-pip-version-check --requirement "$requirements"
    cp "$requirements" .build/mailserver/
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# Some tests become another user, who must get in.
chmod 755 "$folder"
# Of a crash only what tells where it was.
export SWIFT_BACKTRACE=threads=crashed,registers=none,images=none
log=$folder/log
run() {
    TMPDIR=$folder swift test --skip-build --experimental-maximum-parallelization-width "$@" 2>&1 | tee "$log" && return
    echo "What failed, once more:"
    grep --max-count=40 --after-context=12 'recorded an issue\|Program crashed\|^Thread .* crashed' "$log" | tail -n 200
    exit 1
}
# All at once would keep what waits for something behind everything that computes.
if [ $# -gt 0 ]; then
    run 8 "$@"
else
    # A test whose name begins so compares times, which only mean something while nothing else runs.
    timed='/timed[A-Z]'
    run 8 --skip "$timed"
    run 1 --filter "$timed"
fi
# What tests make has a UUID in its name; `swift test` leaves files of other names.
left=$(find "$folder" -mindepth 1 -maxdepth 1 -name '*-*-*-*-*')
[ -z "$left" ] || { echo "tests left behind:" >&2; echo "$left" >&2; exit 1; }
