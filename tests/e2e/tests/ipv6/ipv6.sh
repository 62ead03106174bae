#!/usr/bin/env bash
# Runs in a network namespace of its own: takes IPv4 away, and lets the whole sample find and serve itself over IPv6.
#
#   ipv6.sh SERVER CLIENT DEMO CLEANER FOLDER
set -euo pipefail
server=$1 client=$2 demo=$3 cleaner=$4
cd "$5"
trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT

# eventually WHAT COMMAND…: repeats the command until it succeeds, for a minute.
eventually() {
  local what=$1 deadline=$((SECONDS + 60))
  shift
  until "$@"; do
    if [ $SECONDS -ge $deadline ]; then
      echo "not within a minute: $what"
      tail -n 20 ./*.log
      exit 1
    fi
    sleep 0.2
  done
  echo "ok: $what"
}

# answer URL: what it serves.
answer() { curl --globoff --noproxy '*' -fsS "$1" 2>/dev/null; }
has() { answer "$1" | grep -- "$2" >/dev/null; }
serves() { answer "$1" >/dev/null; }
logged() { grep -q -- "$2" "$1"; }

ip link set lo up
ip address del 127.0.0.1/8 dev lo
cat >zoo.cfg <<CONFIGURATION
tickTime=2000
dataDir=$PWD/zookeeper
clientPortAddress=::1
clientPort=2181
admin.enableServer=false
CONFIGURATION
java -Xmx128m -Dzookeeper.admin.enableServer=false -cp '/etc/zookeeper/conf:/usr/share/java/*' \
  org.apache.zookeeper.server.quorum.QuorumPeerMain zoo.cfg >zookeeper.log 2>&1 &
prometheus-pushgateway --web.listen-address='[::1]:9091' --persistence.file= >pushgateway.log 2>&1 &
cat >prometheus.yml <<CONFIGURATION
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: dubbo
    metrics_path: /prometheus
    serverset_sd_configs: [{servers: ['[::1]:2181'], paths: [/prometheus/dubbo]}]
CONFIGURATION
prometheus --web.listen-address='[::1]:9090' --config.file=prometheus.yml --storage.tsdb.path=data >prometheus.log 2>&1 &
"$server" --zk-address '[::1]:2181' --push=false --probe-addr '[::]:22222' --delay 0s --stop-wait 1s >server.log 2>&1 &
"$client" --zk-address '[::1]:2181' --pushgateway-url '[::1]:9091' --interval 50ms --push-interval 1s >client.log 2>&1 &

eventually 'the server registers an address that it listens on' logged server.log 'registered address=\[::1\]:20000'
eventually 'the server is ready' serves 'http://[::1]:22222/ready'
eventually 'calls are answered' logged client.log 'Greet response: hello world'
eventually 'the pull endpoint is served' has 'http://[::1]:9099/prometheus' '^dubbo_provider_requests_total'
eventually 'the client has pushed' has 'http://[::1]:9091/metrics' '^push_time_seconds.*dubbo_client'
eventually 'Prometheus finds the server and scrapes it' has 'http://[::1]:9090/api/v1/query?query=up%3D%3D1' '"instance":"\[::1\]:9099"'

finds_groups() { "$cleaner" --pushgateway-url '[::1]:9091' --dry-run >cleaner.log 2>&1; }
eventually 'the cleaner reads the gateway' finds_groups
"$demo" --for 2s --provider-addr '[::1]:0' --provider-metrics-addr '[::1]:0' --consumer-metrics-addr '[::1]:0' >demo.log 2>&1
eventually 'the demo calls itself' logged demo.log 'consumer .*calls [1-9]'
