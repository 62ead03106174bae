#!/usr/bin/env bash
# Brings the whole stack up on a Docker daemon, with server, client and cleaner, asks it what it should know, and takes it down.
# A command of its own: ./test.sh needs no daemon. Builds the image, so the first run takes some minutes.
#
#   smoke.sh [push|pull]    push by default
set -euo pipefail
cd "$(dirname "$0")"
mode=${1:-push}
case $mode in push) export PUSH=true ;; pull) export PUSH=false ;; *) echo 'say push or pull' >&2; exit 1 ;; esac
if docker compose version >/dev/null 2>&1; then compose=(docker compose); else compose=(docker-compose); fi
compose+=(--project-name dubbo-smoke --profile apps)

finish() {
  local code=$?
  [ $code = 0 ] || "${compose[@]}" logs --tail 30
  "${compose[@]}" down --volumes --timeout 30
  exit $code
}
trap finish EXIT

# eventually WHAT COMMAND…: repeats the command until it succeeds, for three minutes.
eventually() {
  local what=$1 tries=90
  shift
  until "$@" >/dev/null 2>&1; do
    [ $((tries -= 1)) -gt 0 ] || { echo "not within 3 minutes: $what" >&2; return 1; }
    sleep 2
  done
  echo "ok: $what"
}

# positive QUERY: whether Prometheus answers with a value above 0.
positive() {
  curl -fsS --get http://127.0.0.1:9090/api/v1/query --data-urlencode "query=sum($1) > 0" | grep -q '"value":'
}

grafana() {
  curl -fsS -u "admin:${GRAFANA_PASSWORD:-admin}" "http://127.0.0.1:3000/api/$1"
}

# By the data source as Grafana holds it, and by the address that the guide names for adding one by hand.
by_grafana() {
  grafana 'datasources/uid/prometheus/health' | grep -q '"status":"OK"'
}

by_hand() {
  "${compose[@]}" exec -T grafana wget -q -O - 'http://host.docker.internal:9090/-/ready' | grep -qi ready
}

dashboard() {
  grafana 'dashboards/uid/dubbo' | grep -q '"title":"Dubbo"'
}

healthy() {
  local id
  for id in $("${compose[@]}" ps -q); do
    [ "$(docker inspect --format '{{.State.Health.Status}}' "$id")" = healthy ] || return 1
  done
}

"${compose[@]}" up -d --build
eventually 'every service is healthy' healthy
eventually 'Prometheus knows the provider' positive dubbo_provider_requests_succeed_total
eventually 'Prometheus knows the consumer' positive dubbo_consumer_requests_succeed_total
if [ "$mode" = pull ]; then
  eventually 'ZooKeeper lists both processes' positive 'count(up{job="dubbo"} == 1) == 2'
fi
eventually 'Grafana has its data source' by_grafana
eventually 'Grafana reaches Prometheus as host.docker.internal' by_hand
eventually 'Grafana has the dashboard' dashboard
