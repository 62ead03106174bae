#!/usr/bin/env bash
# Makes faults happen to servers and clients, each on real servers of its own, and prints what they cost.
#
#   ./faults.sh              all of them, one after the other; some 15 minutes
#   ./faults.sh --short      the same as ./test.sh does
#   ./faults.sh --list       which there are; name some to make only those happen
#   ./faults.sh --soak 30m   breaks nothing: what grows under load?
#   ./faults.sh beside       three faults for consumers of dubbo-go and grpc-go beside ours, and an overload for providers of dubbo-go
#                            beside ours; writes docs/benchmarks.md, some 15 minutes
#   ./faults.sh beside --quick   the same in a minute, which is not kept
#
# Needs what ./test.sh needs. Exits with 1 when a promise of docs/reliability.md is broken.
set -euo pipefail
cd "$(dirname "$0")"
[ "$(uname -s)" = Linux ] || { echo 'faults.sh: this needs Linux, with what ./test.sh installs' >&2; exit 1; }
command -v cargo >/dev/null || { echo 'faults.sh: there is no cargo: install Rust with https://rustup.rs' >&2; exit 1; }
if [ "${1-}" = beside ]; then
  shift
  command -v go >/dev/null || { echo 'faults.sh: the others need a Go toolchain: install it from https://go.dev/dl' >&2; exit 1; }
  exec cargo run --quiet --package interop --bin faults-beside -- --page docs/benchmarks.md "$@"
fi
exec cargo run --quiet --package faults -- "$@"
