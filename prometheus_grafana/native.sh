#!/usr/bin/env bash
# The stack without Docker, from Debian packages: ZooKeeper, Pushgateway, Alertmanager, Prometheus (not Grafana: Debian has none).
#
#   native.sh up       starts what does not run, and waits until all of it answers
#   native.sh status   says what runs; exit code 1 when something does not
#   native.sh down     stops it; the data stay
#
# Prometheus gets prometheus_pull.yml through render.sh, and the same rules as in Docker. From the environment: ZOOKEEPER, PUSHGATEWAY,
# ALERTMANAGER, PROMETHEUS (addresses, 127.0.0.1 and the usual ports by default), STACK_DIR (data and logs, target/stack by default),
# RULES (a folder of rules).
set -euo pipefail
[ "$(uname -s)" = Linux ] || { echo 'native.sh: this needs Linux and the packages of Debian or Ubuntu; elsewhere take docker-compose' >&2; exit 1; }
here=$(cd "$(dirname "$0")" && pwd)

export ZOOKEEPER=${ZOOKEEPER:-127.0.0.1:2181}
export PUSHGATEWAY=${PUSHGATEWAY:-127.0.0.1:9091}
export ALERTMANAGER=${ALERTMANAGER:-127.0.0.1:9093}
export PROMETHEUS=${PROMETHEUS:-127.0.0.1:9090}
dir=${STACK_DIR:-$here/../target/stack}
rules=${RULES:-$here/rules}
services=(zookeeper pushgateway alertmanager prometheus)

die() {
  echo "native.sh: $*" >&2
  exit 1
}

# need PROGRAM PACKAGE
need() {
  command -v "$1" >/dev/null || die "there is no $1; install it: apt-get install --no-install-recommends $2"
}

# address SERVICE: prints host:port.
address() {
  local name=${1^^}
  echo "${!name}"
}

# running SERVICE: whether the process that we started is still there, and not another one under its number. It is this script first,
# then the service, whose command line names its folder.
running() {
  local pid
  pid=$(cat "$dir/$1/pid" 2>/dev/null) && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -e "$dir/$1" -e native.sh
}

# host ADDRESS: prints its host, an IPv6 address without its brackets.
host() {
  local host=${1%:*}
  host=${host#[}
  echo "${host%]}"
}

listening() {
  (exec 3<>"/dev/tcp/$(host "$1")/${1##*:}") 2>/dev/null
}

answers() {
  local address
  address=$(address "$1")
  if [ "$1" = zookeeper ]; then
    (exec 3<>"/dev/tcp/$(host "$address")/${address##*:}" && printf srvr >&3 && timeout 5 grep -q Mode <&3) 2>/dev/null
  else
    curl --globoff --noproxy '*' -fsS -m 5 -o /dev/null "http://$address/-/ready" 2>/dev/null
  fi
}

# The command of each service. Every one names its folder, which is how `running` knows it.
zookeeper() {
  cat >"$dir/zookeeper/zoo.cfg" <<CONFIGURATION
tickTime=2000
dataDir=$dir/zookeeper/data
clientPortAddress=$(host "$ZOOKEEPER")
clientPort=${ZOOKEEPER##*:}
admin.enableServer=false
4lw.commands.whitelist=srvr,ruok,mntr
CONFIGURATION
  exec java -Xmx256m -Dzookeeper.admin.enableServer=false -Dzookeeper.root.logger=INFO,CONSOLE \
    -cp '/etc/zookeeper/conf:/usr/share/java/*' \
    org.apache.zookeeper.server.quorum.QuorumPeerMain "$dir/zookeeper/zoo.cfg"
}

pushgateway() {
  exec prometheus-pushgateway --web.listen-address="$PUSHGATEWAY" --persistence.file="$dir/pushgateway/metrics"
}

alertmanager() {
  # --cluster.listen-address= : one Alertmanager, no cluster.
  exec prometheus-alertmanager --web.listen-address="$ALERTMANAGER" --cluster.listen-address= \
    --config.file="$here/alertmanager.yml" --storage.path="$dir/alertmanager/data"
}

prometheus() {
  "$here/render.sh" >"$dir/prometheus/prometheus.yml"
  ln -sfn "$rules" "$dir/prometheus/rules"
  exec prometheus --web.listen-address="$PROMETHEUS" --storage.tsdb.retention.time=15d \
    --config.file="$dir/prometheus/prometheus.yml" --storage.tsdb.path="$dir/prometheus/data"
}

start() {
  running "$1" && return
  ! listening "$(address "$1")" || die "$1: another process listens on $(address "$1"); stop that, or set ${1^^}=127.0.0.1:<another port>"
  mkdir -p "$dir/$1"
  (cd "$dir/$1" && exec setsid "$here/native.sh" run "$1" </dev/null >"$dir/$1/log" 2>&1) &
  echo $! >"$dir/$1/pid"
}

up() {
  local service tries
  need curl curl
  need java zookeeper
  [ -e /usr/share/java/zookeeper.jar ] || die 'there is no ZooKeeper; install it: apt-get install --no-install-recommends zookeeper'
  for service in prometheus prometheus-pushgateway prometheus-alertmanager; do need "$service" "$service"; done
  mkdir -p "$dir"
  for service in "${services[@]}"; do start "$service"; done
  for service in "${services[@]}"; do
    tries=600
    until answers "$service"; do
      running "$service" || die "$service ended: $(tail -n 5 "$dir/$service/log")"
      [ $((tries -= 1)) -gt 0 ] || die "$service does not answer; see $dir/$service/log"
      sleep 0.1
    done
  done
  status
}

status() {
  local service state code=0
  for service in "${services[@]}"; do
    state=up
    if ! running "$service"; then state='not running' code=1; elif ! answers "$service"; then state='does not answer' code=1; fi
    printf '%-13s %-21s %s\n' "$service" "$(address "$service")" "$state"
  done
  return $code
}

down() {
  local service tries
  for service in prometheus alertmanager pushgateway zookeeper; do
    if running "$service"; then
      kill "$(cat "$dir/$service/pid")"
      tries=150
      while running "$service"; do
        [ $((tries -= 1)) -gt 0 ] || { kill -KILL "$(cat "$dir/$service/pid")"; break; }
        sleep 0.1
      done
    fi
    rm -f "$dir/$service/pid"
  done
}

case ${1:-} in
  up | down | status) mkdir -p "$dir" && dir=$(cd "$dir" && pwd) && "$1" ;;
  run) dir=$(cd "$dir" && pwd) && "$2" ;;
  *) die 'say up, down or status' ;;
esac
