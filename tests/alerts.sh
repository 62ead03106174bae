#!/usr/bin/env bash
# Makes every fault of ./faults.sh happen under the rules, and writes the table of docs/alerts.md: which alert fires, after how long, which
# fires without reason, and when it is over. Needs what ./test.sh needs. Some 40 minutes on 2 cores with --at-a-time 8.
#
#   tests/alerts.sh                  all faults; what was seen is kept in target/alerts
#   tests/alerts.sh provider-killed  one of them
#   tests/alerts.sh --again          the table of what was seen before
#   tests/alerts.sh --live-only      scrapes of 5 and 15 s only, without the simulation of 30 and 60 s
set -euo pipefail
[ "$(uname -s)" = Linux ] || { echo 'alerts.sh: this needs Linux, with what ./test.sh installs' >&2; exit 1; }
cd "$(dirname "$0")/.."
cargo build --quiet --workspace --bins --all-features
exec cargo run --quiet --package alerts -- "$@"
