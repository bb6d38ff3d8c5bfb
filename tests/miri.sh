#!/usr/bin/env bash
# Runs the tests of shared/ann under Miri, which finds undefined behaviour, data races
# and what processors with weaker ordering would see.
#
# Kernels are the portable ones there, files are read instead of mapped, and few vectors
# are enough for threads; tests that need many vectors are left out. MIRI_SEEDS orders
# of threads (4) are tried for the builder.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! cargo +nightly miri --version >/dev/null 2>&1; then
    echo "error: needs Miri: rustup toolchain install nightly --component miri,rust-src" >&2
    exit 1
fi
export PROPTEST_CASES=${PROPTEST_CASES:-4}
# Tree borrows: the queues of rayon (crossbeam) break the rules of stacked borrows.
flags="-Zmiri-tree-borrows -Zmiri-disable-isolation -Zmiri-permissive-provenance -Zmiri-ignore-leaks"
miri() {
    cargo +nightly miri test --locked --package vivier-ann --lib --target-dir target/miri -- "$@"
}
echo "sets, lists, pools, marks, planes and kernels ..."
MIRIFLAGS=$flags miri row_set links:: pool:: planes:: kernel::tests::every
echo "threads that build, and a whole segment ..."
MIRIFLAGS="$flags -Zmiri-many-seeds=0..${MIRI_SEEDS:-4}" miri \
    builder::tests build::tests::a_small_segment
