#!/usr/bin/env bash
# Measures our release binaries beside real dubbo-go 3.3.2 and plain tonic, in turns, and writes docs/benchmarks.md.
#
#   ./bench.sh                       everything: some 20 minutes on a machine with nothing else to do
#   ./bench.sh provider growth       these parts; the others' figures stay
#   ./bench.sh --quick               a first look in a few minutes, which is not kept
#   ./bench.sh --before COMMIT       ours per-core is built from that commit, to compare the default with what was before it
#   ./bench.sh --help                all parts and options
#
# Needs Rust, Go, and the packages zookeeper, prometheus-pushgateway and nghttp2-client of Debian or Ubuntu. All load stays on 127.0.0.1.
set -euo pipefail
cd "$(dirname "$0")"
[ "$(uname -s)" = Linux ] || { echo 'bench.sh: this needs Linux, with what ./test.sh installs' >&2; exit 1; }
command -v cargo >/dev/null || { echo 'bench.sh: there is no cargo: install Rust with https://rustup.rs' >&2; exit 1; }

case " $* " in
*" --help "* | *" -h "*) ;;
*" --without-dubbo-go "*)
  echo "NOT BUILT: the dubbo-go peer, by --without-dubbo-go" >&2
  ;;
*)
  command -v go >/dev/null || {
    echo "bench.sh: dubbo-go needs a Go toolchain (https://go.dev/dl); --without-dubbo-go measures only the others" >&2
    exit 1
  }
  (cd tests/interop/peer && go build -o ../../../target/peer .)
  ;;
esac
cargo build --quiet --release -p server -p client -p comparison

# The programs of another commit, in a work tree and a target folder of their own below target/before.
arguments=()
while [ $# -gt 0 ]; do
  case $1 in
  --before) commit=${2:?'bench.sh: --before needs a commit'} && shift ;;
  --before=*) commit=${1#*=} ;;
  *) arguments+=("$1") ;;
  esac
  shift
done
if [ -n "${commit-}" ]; then
  before=$PWD/target/before
  commit=$(git rev-parse --verify "$commit^{commit}")
  [ -e "$before/tree/.git" ] || git worktree add --quiet --force --detach "$before/tree" "$commit"
  git -C "$before/tree" checkout --quiet --detach "$commit"
  (cd "$before/tree" && CARGO_TARGET_DIR=$before/target cargo build --quiet --release -p server -p client)
  arguments+=("--before=$before/target/release" "--before-commit=${commit::7}")
fi

# A thousand connections, on both sides.
ulimit -n 8192 2>/dev/null || ulimit -n "$(ulimit -H -n)"
exec target/release/comparison --peer target/peer --results target/side-by-side.json --docs docs "${arguments[@]}"
