#!/usr/bin/env bash
# Builds target/cuda/release/vivier with the feature `cuda`, also on a machine that
# has neither CUDA nor a graphics card.
#
# Where no toolkit is installed, NVIDIA's compiler and libraries come from their
# Python packages, pinned by version and SHA-256, and are laid out once as a toolkit
# folder in the user's cache (1.2 GB). `libcuda` belongs to the driver and is in no
# package: the build links against a stub, which is never run.
#
# The release is 13.0 on purpose: a driver does not load what a newer compiler made.
#
#   CUDA_HOME          an installed toolkit to use instead
#   CUDA_COMPUTE_CAP   the card's compute capability without the point; 90 (Hopper)
#   CARGO_BUILD_JOBS   as cargo has it
set -euo pipefail

RELEASE=13.0
cd "$(dirname "$0")/.."
export CUDA_COMPUTE_CAP="${CUDA_COMPUTE_CAP:-90}"

fail() {
    echo "error: $*" >&2
    exit 1
}

# The packages, each with the SHA-256 of its wheel for Linux on x86-64.
requirements() {
    cat <<'PINS'
nvidia-cublas==13.0.2.14 --hash=sha256:0cf238ffdbe46c00cb9aa98e7bca745c223a5ca5a53e686ac8b3e5a08fe80d6c
nvidia-cuda-cccl==13.0.85 --hash=sha256:e0da7ad981f3a8aff08241b5bfc1af868742a63e2762f53a5171c492ef242649
nvidia-cuda-crt==13.0.88 --hash=sha256:2c8043c7c9e02492716426e9919fc78d2c5b3b2a7a768a88e952676b08aa55a4
nvidia-cuda-nvcc==13.0.88 --hash=sha256:56fe502eb77625a12f25172caa3cdddb4e4c8ba2c8c17dba44b164761b380f03
nvidia-cuda-nvrtc==13.0.88 --hash=sha256:ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575
nvidia-cuda-profiler-api==13.0.85 --hash=sha256:73d2671deac833db6686d6fbde4753fa3a3a497d87540fc246f081f375243f66
nvidia-cuda-runtime==13.0.96 --hash=sha256:7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548
nvidia-curand==10.4.5.25 --hash=sha256:22bb226a857e5888fe6b54ae465fc4371296bcff13a35f79e19691bcf454f529
nvidia-nvvm==13.0.88 --hash=sha256:c5f41ffeb6466944a026dfa5317d7d85355c119bbec279205d22f1869d1054e0
PINS
}

# Makes `libcuda.so.1` with every name that cuda.h declares, to link against.
make_stub() {
    local root="$1" source
    source="$(mktemp --suffix=.c)"
    grep -ohE '\bcu[A-Z][A-Za-z0-9_]*' "$root/include/cuda.h" | sort -u |
        sed 's/.*/int &(void) { return 999; }/' >"$source"
    mkdir -p "$root/lib/stubs"
    cc -w -fno-builtin -shared -fPIC -Wl,-soname,libcuda.so.1 \
        -o "$root/lib/stubs/libcuda.so" "$source"
    ln -sf libcuda.so "$root/lib/stubs/libcuda.so.1"
    rm -f "$source"
}

# Fetches the packages and lays them out as one toolkit folder, `$1`.
make_toolkit() {
    local folder="$1" work root library
    [ "$(uname -sm)" = "Linux x86_64" ] ||
        fail "the packaged toolkit is for Linux on x86-64; install CUDA $RELEASE and set CUDA_HOME"
    mkdir -p "$(dirname "$folder")"
    work="$(mktemp -d "$(dirname "$folder")/.cuda.XXXXXX")"
    # shellcheck disable=SC2064
    trap "rm -rf '$work'" EXIT
    echo "fetching the CUDA $RELEASE toolkit (690 MB, once) ..."
    requirements >"$work/requirements.txt"
    python3 -m pip download --quiet --no-deps --no-input --disable-pip-version-check \
        --require-hashes --only-binary :all: \
        --requirement "$work/requirements.txt" --dest "$work/wheels" ||
        fail "cannot fetch the packages listed in deploy/build-cuda.sh"
    echo "unpacking it ..."
    python3 - "$work/wheels" "$work/unpacked" <<'PYTHON'
"""Unpacks every wheel into one folder."""
import pathlib
import sys
import zipfile

wheels, target = pathlib.Path(sys.argv[1]), sys.argv[2]
for wheel in sorted(wheels.glob("*.whl")):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
PYTHON
    root="$work/unpacked/nvidia/cu13"
    chmod +x "$root"/bin/* "$root"/nvvm/bin/*
    for library in "$root"/lib/*.so.*; do
        ln -sf "$(basename "$library")" "${library%%.so.*}.so"
    done
    ln -s lib "$root/lib64"
    make_stub "$root"
    rm -rf "$folder"
    mv "$root" "$folder"
}

command -v cargo >/dev/null || fail "cargo is not installed; run deploy/bootstrap.sh"
command -v c++ >/dev/null || fail "a C++ compiler is needed: install g++"

if [ -z "${CUDA_HOME:-}" ] && command -v nvcc >/dev/null; then
    CUDA_HOME="$(dirname "$(dirname "$(readlink -f "$(command -v nvcc)")")")"
fi
if [ -z "${CUDA_HOME:-}" ]; then
    CUDA_HOME="${XDG_CACHE_HOME:-$HOME/.cache}/vivier/cuda-$RELEASE"
    # The stub is made last: with it, the folder is whole.
    [ -e "$CUDA_HOME/lib/stubs/libcuda.so.1" ] || make_toolkit "$CUDA_HOME"
fi
[ -x "$CUDA_HOME/bin/nvcc" ] || fail "CUDA_HOME = $CUDA_HOME has no bin/nvcc"
export CUDA_HOME PATH="$CUDA_HOME/bin:$PATH"
# `cargo check` and the like, with the same environment.
if [ "$#" -gt 0 ]; then
    exec "$@"
fi

echo "building with $("$CUDA_HOME/bin/nvcc" --version | sed -n 's/.*release \([^,]*\),.*/CUDA \1/p') for compute capability $CUDA_COMPUTE_CAP (about 10 minutes on two cores) ..."
started=$SECONDS
CARGO_TARGET_DIR=target/cuda cargo build --release --locked \
    --package vivier --bin vivier --features cuda
binary=target/cuda/release/vivier
echo "$binary: $(($(stat -c %s "$binary") / 1000000)) MB in $((SECONDS - started)) s;" \
    "it needs the driver, cuBLAS, cuRAND and the CUDA runtime $RELEASE where it runs"
