#!/usr/bin/env bash
# Brings the whole stack up on a Docker daemon, with server, client and cleaner, asks it what it should know, and takes it down.
# A command of its own: ./test.sh needs no daemon. Builds the images, so the first run takes some minutes.
#
#   smoke.sh [push|pull] [--no-build] [--without-grafana]    push by default
#
#   --no-build           takes SERVER_IMAGE, CLIENT_IMAGE and CLEANER_IMAGE as they are
#   --without-grafana    leaves Grafana out, where its image cannot be had; says so, and checks nothing of it
set -euo pipefail
cd "$(dirname "$0")"
mode=push build=--build grafana=true
for argument; do
  case $argument in
    push | pull) mode=$argument ;;
    --no-build) build=--no-build ;;
    --without-grafana) grafana=false ;;
    *) echo "smoke.sh: there is no $argument: push, pull, --no-build or --without-grafana" >&2; exit 1 ;;
  esac
done
command -v docker >/dev/null || { echo 'smoke.sh: this needs a Docker daemon, with Compose' >&2; exit 1; }
if [ "$mode" = push ]; then export PUSH=true; else export PUSH=false; fi
if docker compose version >/dev/null 2>&1; then compose=(docker compose); else compose=(docker-compose); fi
compose+=(--project-name dubbo-smoke --profile apps)
services=$("${compose[@]}" config --services)
$grafana || {
  echo 'WITHOUT GRAFANA: its data source and its dashboard are not checked' >&2
  services=$(grep -vx grafana <<<"$services")
}
# Not by mapfile, which macOS's bash does not know.
read -r -d '' -a services <<<"$services" || true

finish() {
  local code=$?
  [ $code = 0 ] || "${compose[@]}" logs --tail 30
  "${compose[@]}" down --volumes --timeout 30
  exit $code
}
trap finish EXIT

# eventually WHAT COMMAND…: repeats the command until it succeeds, for three minutes.
eventually() {
  local what=$1 deadline=$((SECONDS + 180))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || { echo "not within 3 minutes: $what" >&2; return 1; }
    sleep 2
  done
  echo "ok: $what"
}

# positive QUERY: whether Prometheus answers with a value above 0.
positive() {
  curl --noproxy '*' -fsS --get http://127.0.0.1:9090/api/v1/query --data-urlencode "query=sum($1) > 0" | grep -q '"value":'
}

grafana() {
  curl --noproxy '*' -fsS -u "admin:${GRAFANA_PASSWORD:-admin}" "http://127.0.0.1:3000/api/$1"
}

# By the data source as Grafana holds it, and by the address that the guide names for adding one by hand.
by_grafana() {
  grafana 'datasources/uid/prometheus/health' | grep -q '"status":"OK"'
}

by_hand() {
  "${compose[@]}" exec -T grafana wget -q -Y off -O - 'http://host.docker.internal:9090/-/ready' | grep -qi ready
}

dashboard() {
  grafana 'dashboards/uid/dubbo' | grep -q '"title":"Dubbo"'
}

# Every service has a container, and all of them are healthy.
healthy() {
  local service id
  for service in "${services[@]}"; do
    id=$("${compose[@]}" ps -q "$service")
    [ "$(docker inspect --format '{{.State.Health.Status}}' "$id")" = healthy ] || return 1
  done
}

# stopped SERVICE…: whether they have ended by themselves, with exit code 0.
stopped() {
  local service
  for service; do
    [ "$(docker inspect --format '{{.State.Status}} {{.State.ExitCode}}' "$("${compose[@]}" ps -a -q "$service")")" = 'exited 0' ] || return 1
  done
}

# Every file of rules is loaded, and every rule of it can be evaluated.
rules() {
  local loaded
  loaded=$(curl --noproxy '*' -fsS http://127.0.0.1:9090/api/v1/rules)
  [ "$(grep -o '"type":"alerting"' <<<"$loaded" | wc -l)" = "$(cat rules/*.yml | grep -cE '^ +(- )?alert: ')" ] &&
    [ "$(grep -o '"type":"recording"' <<<"$loaded" | wc -l)" = "$(cat rules/*.yml | grep -cE '^ +(- )?record: ')" ] &&
    ! grep -qE '"health":"(err|unknown)"' <<<"$loaded"
}

"${compose[@]}" up -d $build "${services[@]}"
eventually 'every service is healthy' healthy
eventually 'Prometheus knows the provider' positive dubbo_provider_requests_succeed_total
eventually 'Prometheus knows the consumer' positive dubbo_consumer_requests_succeed_total
if [ "$mode" = pull ]; then
  eventually 'ZooKeeper lists both processes' positive 'count(up{job="dubbo"} == 1) == 2'
else
  eventually 'both processes push' positive 'count(count by (instance) (push_time_seconds{job!="pushgateway"})) == 2'
fi
eventually 'Prometheus evaluates every rule' rules
eventually 'Prometheus knows the Alertmanager' positive 'prometheus_notifications_alertmanagers_discovered == 1'
if $grafana; then
  eventually 'Grafana has its data source' by_grafana
  eventually 'Grafana reaches Prometheus as host.docker.internal' by_hand
  eventually 'Grafana has the dashboard' dashboard
fi
"${compose[@]}" stop server client cleaner
eventually 'server, client and cleaner have stopped with exit code 0' stopped server client cleaner
