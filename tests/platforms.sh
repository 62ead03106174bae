#!/usr/bin/env bash
# Builds the programs for systems on which no test runs, or type-checks them: what differs by system is compiled there, and nowhere else.
#
#   tests/platforms.sh                                    type-checks for all targets that have a C compiler here
#   tests/platforms.sh x86_64-pc-windows-gnu              for this one, which must have a compiler
#   tests/platforms.sh --run aarch64-unknown-linux-gnu    builds for it, and runs the programs: by qemu-user, by wine, or as they are
#
# Needs rustup, and for each target a C compiler, for the few crates with C in them: mingw-w64, gcc-aarch64-linux-gnu and musl-tools of
# Debian, or `zig` (ziglang of PyPI) for macOS, and for type-checks of whatever else has none. To run: qemu-user and wine64 of Debian, and
# curl. Nothing here runs programs of macOS. Takes minutes for each target, in target/platforms.
set -euo pipefail
cd "$(dirname "$0")/.."
die() { echo "platforms.sh: $*" >&2; exit 1; }
[ "${BASH_VERSINFO[0]}" -ge 4 ] || die 'this needs bash 4 or later, which macOS does not bring'
command -v rustup >/dev/null || die 'this needs rustup (https://rustup.rs), which installs the standard libraries'

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
# What runs a program, and where the programs can be run.
declare -A runners=(
  [x86_64-pc-windows-gnu]=wine
  [aarch64-unknown-linux-gnu]='qemu-aarch64 -L /usr/aarch64-linux-gnu'
  [x86_64-unknown-linux-musl]=''
)
# Ports that are free as a rule, and none of those that the programs use by themselves.
server_port=20970 metrics_port=20971 demo_ports=(20972 20973 20974)

work=$(mktemp -d)
# The folder in which wine keeps what it takes for a Windows system.
export WINEPREFIX=$work/wine
running=()
end() {
  [ ${#running[@]} -eq 0 ] || { kill "${running[@]}" && wait "${running[@]}"; } 2>/dev/null || true
  [ ! -d "$WINEPREFIX" ] || wineserver --kill --wait || true
  rm -rf "$work"
}
trap end EXIT

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

# in_target TARGET COMPILER COMMAND…: runs cargo's command for the four programs.
in_target() {
  local target=$1 cc=$2 name=${1//-/_} linker=()
  shift 2
  rustup target add "$target" >/dev/null 2>&1 || true
  # Rust finds the other linkers by itself.
  [ "$target" != aarch64-unknown-linux-gnu ] || linker=(CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER="$cc")
  env "CC_$name=$cc" "${linker[@]}" CARGO_TARGET_DIR=target/platforms CARGO_PROFILE_DEV_DEBUG=0 \
    cargo "$@" --quiet --locked --target "$target" -p server -p client -p demo -p pgw-cleaner
}

# become NAME OPTIONS…: turns this shell into a program of the target that is being tried.
become() {
  local file=$1
  shift
  # shellcheck disable=SC2086 # a command with its options
  WINEDEBUG=-all exec $runner "$folder/$file$suffix" "$@"
}

# program NAME OPTIONS…: runs it, and waits for its end.
program() { (become "$@"); }

# random_numbers FOLDER: gives programs there what wine 8 lacks of Windows, the library from which Rust takes random numbers.
random_numbers() {
  cat >"$work/random.c" <<'SOURCE'
#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG length);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T length) {
  return SystemFunction036(buffer, (ULONG)length);
}
SOURCE
  "${compilers[x86_64-pc-windows-gnu]}" -shared -o "$1/bcryptprimitives.dll" "$work/random.c" -ladvapi32
}

# try TARGET: runs what was built for it: versions, the demo, calls, an absent gateway.
try() {
  local target=$1 deadline=$((SECONDS + 120))
  runner=${runners[$target]} folder=target/platforms/$target/debug suffix=
  if [ "$target" = x86_64-pc-windows-gnu ]; then
    suffix=.exe
    [[ "$(WINEDEBUG=-all wine --version)" =~ ^wine-([0-9]+) ]] || die "$target: wine does not say its version"
    [ "${BASH_REMATCH[1]}" -ge 9 ] || random_numbers "$folder"
  fi
  for name in server client demo pgw-cleaner; do
    program "$name" --version | grep -q "^$name " || die "$target: $name --version fails"
  done
  program demo --for 5s --rate 50 --provider-addr "127.0.0.1:${demo_ports[0]}" --provider-metrics-addr "127.0.0.1:${demo_ports[1]}" \
    --consumer-metrics-addr "127.0.0.1:${demo_ports[2]}" >"$work/demo" 2>"$work/log" ||
    die "$target: the demo ends with $?: $(tail -n 5 "$work/log")"
  grep -q 'provider .*calls *[1-9]' "$work/demo" || die "$target: the demo counts no calls: $(tail -n 5 "$work/demo")"

  # Port 9 is for nothing: the server serves calls while no registry is there.
  become server --push=false --zk-address 127.0.0.1:9 --listen 127.0.0.1 --port $server_port --metrics-addr 127.0.0.1:$metrics_port \
    --error-rate 0 --quiet >"$work/server" 2>&1 &
  running=($!)
  until curl --noproxy '*' -fsS "http://127.0.0.1:$metrics_port/prometheus" >"$work/metrics" 2>/dev/null; do
    [ $SECONDS -lt $deadline ] || die "$target: the server does not start: $(tail -n 5 "$work/server")"
    sleep 0.2
  done
  program client --direct "tri://127.0.0.1:$server_port" --metrics=false --count 200 --interval 0s --concurrency 4 >"$work/client" 2>"$work/log" ||
    die "$target: the client ends with $?: $(tail -n 5 "$work/log")"
  [ "$(grep -c 'Greet response: hello world' "$work/client")" = 200 ] || die "$target: calls fail: $(tail -n 5 "$work/client")"
  curl --noproxy '*' -fsS "http://127.0.0.1:$metrics_port/prometheus" |
    awk '/^dubbo_provider_requests_succeed_total\{/ {sum += $NF} END {exit sum != 200}' ||
    die "$target: the server counts other than 200 calls"
  local code=0
  program pgw-cleaner --pushgateway-url 127.0.0.1:9 --dry-run >"$work/cleaner" 2>&1 || code=$?
  [ $code = 3 ] || die "$target: the cleaner ends with $code where no gateway is: $(tail -n 5 "$work/cleaner")"
  code=0
  kill "${running[@]}"
  wait "${running[@]}" || code=$?
  running=()
  # wine ends a program without asking it.
  [ $code = 0 ] || [ -n "$suffix" ] || die "$target: the server ends with $code when it is asked to: $(tail -n 5 "$work/server")"
}

run=
if [ "${1:-}" = --run ]; then
  run=yes
  shift
  [ $# -gt 0 ] || die 'which targets? --run TARGET…'
fi
asked=("$@")
[ ${#asked[@]} -gt 0 ] || asked=("${!compilers[@]}")
checked=0
failed=0
for target in "${asked[@]}"; do
  [ -n "${zig_targets[$target]+known}" ] || die "there is no target $target: ${!compilers[*]}"
  [ -z "$run" ] || [ -n "${runners[$target]+known}" ] || die "nothing here runs programs for $target"
  cc=$(compiler "$target")
  if [ -z "$cc" ]; then
    echo "NOT CHECKED: $target, which needs ${compilers[$target]:-zig} or zig"
    # All that was asked for by name has to be checked.
    [ $# -eq 0 ] || failed=$((failed + 1))
    continue
  fi
  if [ -n "$run" ]; then
    in_target "$target" "$cc" build && try "$target" && echo "ran: $target" && checked=$((checked + 1)) && continue
  elif in_target "$target" "$cc" check; then
    echo "ok: $target"
    checked=$((checked + 1))
    continue
  fi
  echo "FAILED: $target"
  failed=$((failed + 1))
done
echo "$checked checked, $failed failed"
[ "$failed" -eq 0 ] && [ "$checked" -gt 0 ]
