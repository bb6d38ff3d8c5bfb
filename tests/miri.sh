#!/usr/bin/env bash
# Runs tests of shared/ann under Miri, which finds undefined behaviour and overflows:
# sets of rows, lists, pools, planes of bytes and the portable kernel, in a few minutes.
#
# What maps files, needs thousands of vectors or the threads of rayon is left out: it is
# too slow there. The lists that threads share are looked at by `make loom`.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! cargo +nightly miri --version >/dev/null 2>&1; then
    echo "error: needs Miri: rustup toolchain install nightly --component miri,rust-src" >&2
    exit 1
fi
export PROPTEST_CASES=${PROPTEST_CASES:-4}
# The file of seeds that proptest looks for is real.
export MIRIFLAGS="-Zmiri-disable-isolation"
cargo +nightly miri test --locked --package vivier-ann --lib --target-dir target/miri -- \
    row_set links:: pool:: planes:: kernel::tests::every
