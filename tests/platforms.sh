#!/usr/bin/env bash
# Type-checks the programs for systems on which no test runs: what differs by system is compiled there, and nowhere else.
#
#   tests/platforms.sh                                    all targets that have a C compiler here
#   tests/platforms.sh x86_64-pc-windows-gnu              this one, which must have a compiler
#
# Needs rustup, and for each target a C compiler, for the few crates with C in them: mingw-w64, gcc-aarch64-linux-gnu and musl-tools of
# Debian, or `zig` (ziglang of PyPI) for macOS and for whatever else has none. Takes minutes for each target, in target/platforms.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v rustup >/dev/null || { echo 'platforms.sh: this needs rustup (https://rustup.rs), which installs the standard libraries' >&2; exit 1; }

declare -A compilers=(
  [x86_64-pc-windows-gnu]=x86_64-w64-mingw32-gcc
  [aarch64-unknown-linux-gnu]=aarch64-linux-gnu-gcc
  [x86_64-unknown-linux-musl]=musl-gcc
  [aarch64-apple-darwin]=''
)
declare -A zig_targets=(
  [x86_64-pc-windows-gnu]=x86_64-windows-gnu
  [aarch64-unknown-linux-gnu]=aarch64-linux-gnu
  [x86_64-unknown-linux-musl]=x86_64-linux-musl
  [aarch64-apple-darwin]=aarch64-macos
)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# compiler TARGET: prints a C compiler for it, or nothing.
compiler() {
  if [ -n "${compilers[$1]}" ] && command -v "${compilers[$1]}" >/dev/null; then
    echo "${compilers[$1]}"
  elif command -v zig >/dev/null; then
    # The compiler is told a target by the crates that call it, in words that zig does not know.
    cat >"$work/$1" <<SCRIPT
#!/usr/bin/env bash
options=()
for option; do case \$option in --target=*) ;; *) options+=("\$option") ;; esac; done
exec zig cc -target ${zig_targets[$1]} "\${options[@]}"
SCRIPT
    chmod +x "$work/$1"
    echo "$work/$1"
  fi
}

asked=("$@")
[ ${#asked[@]} -gt 0 ] || asked=("${!compilers[@]}")
checked=0
failed=0
for target in "${asked[@]}"; do
  [ -n "${zig_targets[$target]+known}" ] || { echo "platforms.sh: there is no target $target: ${!compilers[*]}" >&2; exit 1; }
  cc=$(compiler "$target")
  if [ -z "$cc" ]; then
    echo "NOT CHECKED: $target, which needs ${compilers[$target]:-zig} or zig"
    # All that was asked for by name has to be checked.
    [ $# -eq 0 ] || failed=$((failed + 1))
    continue
  fi
  rustup target add "$target" >/dev/null 2>&1
  name=${target//-/_}
  if env "CC_$name=$cc" CARGO_TARGET_DIR=target/platforms CARGO_PROFILE_DEV_DEBUG=0 \
    cargo check --quiet --locked --target "$target" -p server -p client -p demo -p pgw-cleaner; then
    echo "ok: $target"
    checked=$((checked + 1))
  else
    echo "FAILED: $target"
    failed=$((failed + 1))
  fi
done
echo "$checked checked, $failed failed"
[ "$failed" -eq 0 ] && [ "$checked" -gt 0 ]
