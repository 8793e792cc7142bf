#!/usr/bin/env bash
# fuzz.sh SECONDS [TARGET…]: builds each target with libFuzzer and runs it for so long, beginning with its corpus.
#
# Fails at the first finding; the input that led to it is left in .build-fuzz and belongs into the corpus, once mended.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=$1
shift
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(JSON Base64URL JWK JWS Cavage MessageSignature DNSMessage)
build=.build-fuzz
mkdir -p "$build"

# The package manager does not link libFuzzer, so the sources are compiled here, with the settings of Package.swift.
flags=(
    -O -wmo -parse-as-library -swift-version 6 -package-name gatehouse -suppress-warnings -sanitize=fuzzer
    -enable-upcoming-feature ExistentialAny -enable-upcoming-feature MemberImportVisibility
    -enable-upcoming-feature InternalImportsByDefault
    -I "$build" -Xcc -fmodule-map-file=Protocol/CLibraries/COpenSSL/module.modulemap
    -Xcc -fmodule-map-file=Protocol/CLibraries/CAres/module.modulemap
)
library() { # name, folder
    find "$2" -name '*.swift' -print0 | sort -z | xargs -0 swiftc "${flags[@]}" -module-name "$1" \
        -emit-module -emit-module-path "$build/$1.swiftmodule" -emit-object -o "$build/$1.o"
}
library GatehouseJSON Protocol/JSON
library GatehouseCryptography Protocol/Cryptography
library WebTokens Protocol/Tokens
# As the package manager has fetched it for the build.
library RawStructuredFieldValues .build/checkouts/swift-http-structured-headers/Sources/RawStructuredFieldValues
library HTTPSignatures Protocol/Signatures
library GatehouseDNS Protocol/DNS

for target in "${targets[@]}"; do
    swiftc "${flags[@]}" -module-name "Fuzz$target" "Tests/Fuzz/Targets/$target.swift" \
        "$build/GatehouseJSON.o" "$build/GatehouseCryptography.o" "$build/WebTokens.o" \
        "$build/RawStructuredFieldValues.o" "$build/HTTPSignatures.o" "$build/GatehouseDNS.o" -lcrypto -lcares -o "$build/fuzz-$target"
    mkdir -p "$build/found-$target"
    # What is new goes to the first folder; the kept corpus stays as it is.
    if ! SWIFT_BACKTRACE=enable=no "$build/fuzz-$target" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=2048 \
        -max_len=8192 -artifact_prefix="$build/$target-" -print_final_stats=1 \
        "$build/found-$target" "Tests/Fuzz/Corpora/$target" 2> "$build/$target.log"; then
        tail -n 30 "$build/$target.log" >&2
        echo "fuzz: $target failed" >&2
        exit 1
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$target.log")
    printf '%-10s %s inputs in %s s, no finding\n' "$target" "$runs" "$seconds"
done
