#!/usr/bin/env bash
# Runs every fuzz target for FUZZ_SECONDS (60 each), or those named as arguments.
#
# It needs neither a nightly toolchain nor the command cargo-fuzz: the stable compiler
# has LLVM's coverage pass, libfuzzer-sys brings libFuzzer's source, and cargo-fuzz only
# puts the two together, as here. No sanitizer: those are nightly only, and the
# decoders are safe code. Checks of overflows and assertions are on.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${FUZZ_SECONDS:-60}
target=$(rustc -vV | sed -n 's/^host: //p')
folder=${CARGO_TARGET_DIR:-$PWD/../../target}/fuzz
names=("$@")
if [ ${#names[@]} = 0 ]; then
    names=(operation log manifest ids records columns forward sums vectors filters profiles)
fi
# The versions of the main build.
cp ../../Cargo.lock Cargo.lock
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
cargo build --release --target "$target" --target-dir "$folder"
programs=$folder/$target/release
VIVIER_FUZZ_SEEDS=$folder/corpus "$programs/operation" -runs=0 2>/dev/null
mkdir -p "$folder/corpus/profiles"
cp seeds/*.json "$folder/corpus/profiles/"
for name in "${names[@]}"; do
    echo "fuzzing $name for $seconds s ..."
    log=$folder/$name.log
    if ! "$programs/$name" -max_total_time="$seconds" -rss_limit_mb=2048 -malloc_limit_mb=512 \
        -timeout=10 -max_len=65536 -artifact_prefix="$folder/$name-" "$folder/corpus/$name" >"$log" 2>&1; then
        tail -n 40 "$log"
        echo "$name fails; the input is in $folder"
        exit 1
    fi
    grep -E 'Done|DONE' "$log" | tail -n 2
done
