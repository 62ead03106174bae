#!/bin/bash
# Starts ZooKeeper from the variables that the official image knows.
set -eu
config=/tmp/zoo.cfg
{
  echo 'tickTime=2000' 'initLimit=5' 'syncLimit=2' 'dataDir=/data' 'dataLogDir=/datalog' | tr ' ' '\n'
  echo "admin.enableServer=${ZOO_ADMINSERVER_ENABLED:-true}"
  if [ -n "${ZOO_SERVERS:-}" ]; then
    printf '%s\n' 'standaloneEnabled=false' 'quorumListenOnAllIPs=true'
    # shellcheck disable=SC2086  # words, as the image takes them
    printf '%s\n' $ZOO_SERVERS
  else
    echo 'clientPort=2181'
  fi
  # shellcheck disable=SC2086  # words, as the image takes them
  printf '%s\n' ${ZOO_CFG_EXTRA:-}
} >"$config"
[ -e /data/myid ] || echo "${ZOO_MY_ID:-1}" >/data/myid
exec java "-Xmx${ZK_SERVER_HEAP}m" -cp '/image/*' org.apache.zookeeper.server.quorum.QuorumPeerMain "$config"
