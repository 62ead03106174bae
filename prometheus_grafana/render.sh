#!/bin/sh
# Prints prometheus_pull.yml for a stack without Docker: the names of the compose network become addresses, nothing else changes.
# Other addresses than the usual ports of 127.0.0.1 come from the environment: PROMETHEUS, ZOOKEEPER, PUSHGATEWAY, ALERTMANAGER.
set -eu
exec sed \
  -e "s|localhost:9090|${PROMETHEUS:-127.0.0.1:9090}|g" \
  -e "s|zookeeper:2181|${ZOOKEEPER:-127.0.0.1:2181}|g" \
  -e "s|pushgateway:9091|${PUSHGATEWAY:-127.0.0.1:9091}|g" \
  -e "s|alertmanager:9093|${ALERTMANAGER:-127.0.0.1:9093}|g" \
  -e 's|host\.docker\.internal|127.0.0.1|g' \
  "$(dirname "$0")/../prometheus_pull.yml"
