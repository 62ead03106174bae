#!/usr/bin/env bash
# Checks everything: formatting, lints, docs, and all tests on real servers. Some 40 minutes on 2 cores from nothing, 25 when all that
# it takes from others is built.
#
#   ./test.sh            installs missing Debian or Ubuntu packages first (as root, or by sudo)
#   CI=true ./test.sh    the same, and nothing may be left out: what can't run is a failure
#
# The last line counts the checks: "N passed, N failed"; the exit code is 0 when none failed.
set -uo pipefail
cd "$(dirname "$0")" || exit 1
[ "$(uname -s)" = Linux ] || { echo 'test.sh: this needs Linux; elsewhere "cargo test -p metrics-core" and the like run without servers' >&2; exit 1; }

# The one list of what tests need from the distribution, with why.
PACKAGES=(
  build-essential           # cc, for the few crates with C or assembler in them
  curl ca-certificates      # crates.io; curl also looks at what our endpoints serve
  zookeeper                 # the registry; also brings the Java runtime
  default-jdk-headless maven # build the Java peer of tests/interop/java
  prometheus                # and promtool
  prometheus-pushgateway
  prometheus-alertmanager   # and amtool
  docker-compose            # reads the compose files; needs no daemon for that
  iproute2                  # a host of its own for a provider, to cut off
  jsonnet                   # generates rules and dashboard from the mixin
  libfaketime               # a wall clock that jumps
  nghttp2-client            # h2load, the load of ./bench.sh
  python3-venv              # kubernetes-validate and Grafana's types, from PyPI
  shellcheck                # our shell scripts
  util-linux                # setpriv and setsid, which end servers with their test; prlimit, unshare
  valgrind                  # memory checks
  wget                      # the healthchecks of the compose file
)
# Looks at the page to watch, unless a Chrome is there already.
BROWSER=chromium-headless-shell
# Packages whose daemons must not start, now or at the next boot: they would sit on the ports of the stack.
DAEMONS=(prometheus prometheus-pushgateway prometheus-alertmanager)

passed=0
failed=0
not_run=()
broken=()
logs=$(mktemp -d)
policy=

cleanup() {
  rm -rf "$logs"
  [ -z "$policy" ] || as_root rm -f "$policy"
}
trap cleanup EXIT

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# step NAME COMMAND…: runs the command quietly, says how it went and how long it took, shows its output when it fails.
step() {
  local name=$1 start=$SECONDS
  shift
  if "$@" >"$logs/$name" 2>&1; then
    passed=$((passed + 1))
    printf '%-12s ok      %4ds\n' "$name" $((SECONDS - start))
  else
    failed=$((failed + 1))
    broken+=("$name")
    cat "$logs/$name"
    printf '%-12s FAILED  %4ds\n' "$name" $((SECONDS - start))
    return 1
  fi
}

# leave_out WHAT WHY: something can't run here.
leave_out() {
  not_run+=("$1: $2")
  [ "${CI:-}" != true ] || { failed=$((failed + 1)); broken+=("$1"); }
}

missing_packages() {
  local package
  for package in "${PACKAGES[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || echo "$package"
  done
}

has_browser() {
  local program
  for program in "$BROWSER" chromium google-chrome google-chrome-stable; do
    ! command -v "$program" >/dev/null || return 0
  done
  return 1
}

packages() {
  command -v apt-get >/dev/null || {
    # As these distributions name them; not tried there.
    local others=
    if command -v dnf >/dev/null; then
      others='dnf install gcc make curl java-latest-openjdk-devel maven docker-compose iproute jsonnet libfaketime nghttp2 python3 ShellCheck util-linux valgrind wget chromium-headless'
    elif command -v apk >/dev/null; then
      others='apk add build-base bash curl openjdk17-jdk maven docker-cli-compose iproute2 jsonnet libfaketime nghttp2 python3 shellcheck util-linux setpriv valgrind wget chromium'
    elif command -v pacman >/dev/null; then
      others='pacman -S --needed base-devel curl jdk-openjdk maven docker-compose iproute2 jsonnet libfaketime libnghttp2 python shellcheck util-linux valgrind wget chromium'
    fi
    [ -z "$others" ] || echo "$others; besides, on PATH: prometheus, promtool, amtool, prometheus-pushgateway, prometheus-alertmanager and h2load, and ZooKeeper's jars in /usr/share/java"
    echo "no apt-get here; install what these Debian packages hold: ${PACKAGES[*]}"
    local tool
    for tool in cc java h2load prometheus prometheus-pushgateway prometheus-alertmanager docker-compose; do
      command -v "$tool" >/dev/null || return 1
    done
    return 0
  }
  local missing daemon
  mapfile -t missing < <(missing_packages)
  has_browser || missing+=("$BROWSER")
  [ ${#missing[@]} -gt 0 ] || return 0
  echo "installing: ${missing[*]}"
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    policy=/usr/sbin/policy-rc.d
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null && as_root chmod 755 "$policy" || return 1
  fi
  as_root apt-get update -q || return 1
  # Ubuntu has Chromium as a snap only: what needs it is left out there.
  [ "${missing[-1]}" != "$BROWSER" ] || apt-cache show "$BROWSER" >/dev/null 2>&1 || unset 'missing[-1]'
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}" || return 1
  if command -v systemctl >/dev/null; then
    for daemon in "${DAEMONS[@]}"; do
      [[ " ${missing[*]} " != *" $daemon "* ]] || as_root systemctl disable "$daemon" || true
    done
  fi
  if [ -n "$policy" ]; then as_root rm -f "$policy"; fi
  policy=
}

toolchain() {
  command -v cargo >/dev/null || {
    echo "there is no cargo: install Rust with https://rustup.rs"
    return 1
  }
  { cargo fmt --version && cargo clippy --version; } || rustup component add rustfmt clippy
}

shell_scripts() {
  find . -path ./target -prune -o -name '*.sh' -print0 | xargs -0 shellcheck .ci/run
}

# Manifests and dashboard against the schemas that their projects publish.
schemas() {
  local venv=target/schemas-venv
  [ -x $venv/bin/pip ] || python3 -m venv $venv || return 1
  $venv/bin/pip install -q --disable-pip-version-check -r tests/stack/schemas/requirements.txt &&
    $venv/bin/python tests/stack/schemas/validate.py
}

# Licences, sources, banned and doubled crates, as deny.toml has them.
supply_chain() {
  if [ ! -x $deny ]; then
    # Without optimisation and debug information: it is built for longer than it ever runs.
    CARGO_PROFILE_DEV_DEBUG=0 cargo install cargo-deny@0.20.2 --locked --debug --root target/tools --target-dir target/tools/build || return 1
    rm -rf target/tools/build
  fi
  $deny --all-features check -D unmatched-skip -D unnecessary-skip -D license-not-encountered bans licenses sources
}

# The Go programs of the tests: one on dubbo-go, one on grpc-go, and what the suites of others need.
peers() {
  peer interop/peer && peer interop/grpc && peer conformance/tools && formatted kubernetes
}

# formatted FOLDER: gofmt changes nothing there.
formatted() {
  unformatted=$(gofmt -l "tests/$1")
  [ -z "$unformatted" ] || { echo "not formatted by gofmt: $unformatted"; return 1; }
}

peer() (
  formatted "$1" || exit 1
  cd "tests/$1" || exit 1
  go vet ./...
)

# A current Prometheus, beside the one of the distribution: rules, scrapes and discovery are tested on both. Some minutes, once; with no
# discovery but what prometheus_pull.yml uses, for the clients of all clouds take as long again. tests/servers builds it the same way.
# Without -trimpath, it shares what is compiled with the peers: Go's own library and theirs.
prometheus_3() {
  local folder=$PWD/target/tools/prometheus-3 source=github.com/prometheus/prometheus/cmd
  mkdir -p "$folder"
  (cd tests/kubernetes/servers/prometheus && timeout 20m nice -n 19 go build -ldflags '-s -w' \
    -tags remove_all_sd,enable_dns_sd,enable_zookeeper_sd -o "$folder/" $source/prometheus $source/promtool)
}

tests() {
  # The programs first: end-to-end tests start those of other packages. Together with the tests, for what both need is compiled once then,
  # with the features that tests ask for.
  cargo build --workspace --all-features --bins --tests "${exclude[@]}" &&
    cargo test --workspace --all-features --no-fail-fast "${exclude[@]}"
}

step packages packages
step toolchain toolchain || { echo "0 passed, $failed failed"; exit 1; }

exclude=()
if [ -f tests/interop/Cargo.toml ] && ! command -v go >/dev/null; then
  exclude+=(--exclude interop)
  leave_out interop "tests with real dubbo-go peers, and dubbo-go's side of the comparison, need a Go toolchain (https://go.dev/dl)"
fi

for tool in go javac mvn; do
  if ! command -v "$tool" >/dev/null; then
    exclude+=(--exclude interop-java)
    leave_out interop-java "tests with real Dubbo Java peers need a JDK of 17 or later, Maven and Go; there is no $tool"
    break
  fi
done

if [ -f tests/conformance/Cargo.toml ] && ! command -v go >/dev/null; then
  exclude+=(--exclude conformance)
  leave_out conformance "the suites and clients of others (grpc-go, Connect's conformance suite, h2spec, grpcurl) need a Go toolchain (https://go.dev/dl)"
fi

if ! has_browser; then
  exclude+=(--exclude page)
  leave_out page "the page to watch is tested in Chromium or Chrome, and there is none"
fi

if ! has_browser || ! command -v node >/dev/null || ! command -v npm >/dev/null; then
  exclude+=(--exclude panels)
  leave_out panels "the dashboard's panels are drawn by Grafana's libraries from npm, in a browser: that needs node 20, npm and Chromium"
fi

step fmt cargo fmt --all --check
if command -v go >/dev/null; then
  step peers peers
  step prometheus3 prometheus_3
else
  leave_out prometheus3 "tests on a current Prometheus beside the distribution's need a Go toolchain (https://go.dev/dl)"
fi
step shell shell_scripts
if command -v go >/dev/null; then
  step schemas schemas
else
  leave_out schemas "the published schemas of the Prometheus operator come by Go's module proxy (https://go.dev/dl)"
fi
deny=target/tools/bin/cargo-deny
if step deny supply_chain; then
  # The one check that needs a server of others; where there is no way to it, the project is no worse.
  if $deny fetch db >/dev/null 2>&1; then
    step advisories $deny --all-features check advisories
  else
    not_run+=("advisories: no way to the advisory database at https://github.com/RustSec/advisory-db")
  fi
fi
step clippy cargo clippy --workspace --all-targets --all-features -- -D warnings
# What a program that only measures its calls builds.
step layer cargo clippy --package metrics-core --no-default-features -- -D warnings
step rustdoc env RUSTDOCFLAGS='-D warnings' cargo doc --workspace --all-features --no-deps
# Without the features that only tests ask for, as programs are built elsewhere; most of it has been checked for the documentation.
step programs cargo check --workspace --all-features --bins
step tests tests

echo
grep -hE '^ +(Running|Doc-tests) |^test result' "$logs/tests"
read -r tests_passed tests_failed < <(
  awk '/^test result/ { passed += $4; failed += $6 } END { print passed + 0, failed + 0 }' "$logs/tests"
)
# The step was counted as one check; its tests are counted instead, and a build that failed stays one failure.
if [[ " ${broken[*]} " == *" tests "* ]]; then
  [ "$tests_failed" -eq 0 ] || failed=$((failed - 1))
else
  passed=$((passed - 1))
fi
passed=$((passed + tests_passed))
failed=$((failed + tests_failed))

echo
for what in "${not_run[@]}"; do echo "NOT RUN: $what"; done
[ ${#broken[@]} -eq 0 ] || echo "FAILED: ${broken[*]}"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
