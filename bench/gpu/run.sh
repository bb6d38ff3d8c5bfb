#!/usr/bin/env bash
# On a machine with a graphics card: builds the binary with CUDA (or takes the one in
# VIVIER), checks its vectors against f32 on the processor, and times it beside
# sentence-transformers in fp16 on the same card. Prints one table.
#
#   bench/gpu/run.sh [--texts FILE] [--model DIR] [--precision f16|bf16|f32] ...
#
#   VIVIER      binary to measure instead of building one
#   CUDA_HOME   toolkit to build with and to take libraries from
#   PYTHON      Python that has requirements.txt, instead of an environment made here
set -euo pipefail
cd "$(dirname "$0")/../.."

fail() {
    echo "error: $*" >&2
    exit 1
}

cards="$(nvidia-smi --query-gpu=index,name,memory.total,driver_version --format=csv,noheader 2>/dev/null)" ||
    fail "no graphics card: nvidia-smi is absent or finds none"
[ -n "$cards" ] || fail "no graphics card: nvidia-smi lists none"
echo "cards: $cards"

if [ -z "${VIVIER:-}" ]; then
    # The kernels of candle are made for one generation of cards.
    CUDA_COMPUTE_CAP="${CUDA_COMPUTE_CAP:-$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader |
        head -n 1 | tr -d .)}" deploy/build-cuda.sh
    VIVIER=target/cuda/release/vivier
fi
[ -x "$VIVIER" ] || fail "VIVIER = $VIVIER is no program"
deploy/fetch-model.sh

python="${PYTHON:-}"
if [ -z "$python" ]; then
    environment=target/bench-gpu-env
    python="$environment/bin/python"
    if ! cmp -s bench/gpu/requirements.txt "$environment/made-from"; then
        echo "making the Python environment $environment (5 GB) ..."
        python3 -m venv --clear "$environment"
        "$python" -m pip install --quiet --disable-pip-version-check -r bench/gpu/requirements.txt
        cp bench/gpu/requirements.txt "$environment/made-from"
    fi
fi

# cuBLAS and the like: those of the toolkit that it was built with, else the system's.
toolkit="${CUDA_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/vivier/cuda-13.0}"
for folder in "$toolkit/lib" "$toolkit/lib64"; do
    if [ -e "$folder/libcublas.so.13" ]; then
        export VIVIER_LIBRARIES="$folder"
        break
    fi
done
exec "$python" bench/gpu/peer.py --vivier "$VIVIER" "$@"
