#!/usr/bin/env bash
# Measures one pass over many groups of a real Pushgateway, and the same deletions by curl.
#
#   cargo build --release -p pgw-cleaner && tools/pgw-cleaner/bench.sh [groups] [dead]
#
# Needs prometheus-pushgateway, curl and python3. Everything stays on 127.0.0.1, and ends within some minutes.
set -euo pipefail
[ "$(uname -s)" = Linux ] || { echo 'bench.sh: this needs Linux, with prometheus-pushgateway' >&2; exit 1; }
export no_proxy='*' # Everything is on this host.
cd "$(dirname "$0")/../.."

groups=${1:-10000}
dead=${2:-9000}
port=${PORT:-29091}
url=http://127.0.0.1:$port
cleaner=${CLEANER:-target/release/pgw-cleaner}
work=$(mktemp -d)
gateway=

stop_gateway() { [ -z "$gateway" ] || { kill "$gateway"; wait "$gateway" || true; } 2>/dev/null; gateway=; }
trap 'stop_gateway; rm -rf "$work"' EXIT

# Without the consistency check, which looks at all groups for each push and would take most of the time here.
start_gateway() {
  prometheus-pushgateway --web.listen-address="127.0.0.1:$port" --persistence.file= --push.disable-consistency-check \
    >"$work/gateway.log" 2>&1 &
  gateway=$!
  curl -sf --retry 50 --retry-delay 0 --retry-connrefused -o /dev/null "$url/-/ready"
}

# requests METHOD JOB COUNT: a curl configuration of that many requests.
requests() {
  local n
  for ((n = 0; n < $3; n++)); do
    [ "$n" = 0 ] || echo next
    echo "url = $url/metrics/job/$2/instance/host-$n:1"
    echo "request = $1"
    echo 'output = /dev/null'
    [ "$1" = DELETE ] || echo "data-binary = @$work/body"
  done
}

fill() {
  requests PUT dubbo_dead "$dead" >"$work/push"
  requests PUT dubbo_live $((groups - dead)) >"$work/push_live"
  curl -s --parallel --parallel-max 8 -K "$work/push" 2>/dev/null
  # The dead have to be older than the TTL of a second by the gateway's clock, which has whole seconds.
  sleep 2.5
  curl -s --parallel --parallel-max 8 -K "$work/push_live" 2>/dev/null
}

seconds() { python3 -c 'import sys, time; print(f"{time.time():.3f}")'; }
since() { python3 -c 'import sys; print(f"{float(sys.argv[2]) - float(sys.argv[1]):.2f}")' "$1" "$(seconds)"; }

# Twenty metrics with labels, some 2 kB: a small process's push.
for n in $(seq 20); do
  echo "# TYPE dubbo_metric_$n gauge"
  echo "dubbo_metric_$n{application_name=\"app\",interface=\"greet.GreetService\",method=\"Greet\"} $n"
done >"$work/body"

echo "$groups groups, $dead of them dead, $(stat -c %s "$work/body") bytes each"
for workers in 1 8; do
  start_gateway
  fill
  # The live ones are protected by name, as filling may take longer than the TTL.
  python3 - "$cleaner" "$url" "$workers" <<'PYTHON'
import json, resource, subprocess, sys
cleaner, url, workers = sys.argv[1:]
command = [cleaner, "--pushgateway-url", url, "--ttl", "1s", "--protect", "job=dubbo_live", "--workers", workers]
done = subprocess.run(command + ["--output", "json"], capture_output=True, text=True)
report = json.loads(done.stdout)
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"cleaner, {workers} workers: {report['duration_seconds']:.2f} s, exit code {done.returncode}, "
      f"deleted {report['deleted']} of {report['seen']}, {report['readings']} readings, "
      f"longest window {1000 * report['window_seconds']:.0f} ms, peak memory {usage.ru_maxrss / 1024:.1f} MiB, "
      f"{usage.ru_utime + usage.ru_stime:.2f} s of CPU")
PYTHON
  stop_gateway
done

start_gateway
fill
start=$(seconds)
curl -s -o "$work/listing" "$url/api/v1/metrics"
echo "one reading by curl: $(since "$start") s, $(stat -c %s "$work/listing") bytes"
requests DELETE dubbo_dead "$dead" >"$work/delete"
start=$(seconds)
curl -s -K "$work/delete"
echo "curl, one process, one connection, $dead deletions: $(since "$start") s"
stop_gateway

start_gateway
fill
start=$(seconds)
curl -s --parallel --parallel-max 8 -K "$work/delete" 2>/dev/null
echo "curl, one process, 8 at a time, $dead deletions: $(since "$start") s"
some=$((dead < 500 ? dead : 500))
start=$(seconds)
for ((n = 0; n < some; n++)); do
  curl -s -X DELETE "$url/metrics/job/dubbo_dead/instance/host-$n:1"
done
echo "curl in a loop, $some deletions: $(since "$start") s"
