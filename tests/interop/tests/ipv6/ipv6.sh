#!/usr/bin/env bash
# Runs in a network namespace of its own: our processes and dubbo-go's register IPv6 addresses, find each other, and call each other.
#
#   ipv6.sh SERVER CLIENT PEER FOLDER
set -euo pipefail
server=$1 client=$2 peer=$3
cd "$4"
trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT

fail() {
  echo "$1"
  tail -n 20 ./*.log
  exit 1
}

# eventually WHAT COMMAND…: repeats the command until it succeeds, for a minute.
eventually() {
  local what=$1 deadline=$((SECONDS + 60))
  shift
  until "$@"; do
    [ $SECONDS -lt $deadline ] || fail "not within a minute: $what"
    sleep 0.2
  done
  echo "ok: $what"
}

logged() { grep -q -- "$2" "$1"; }
# listening PORT: whether something does, on all addresses of both families.
listening() { ss -Hltn "sport = :$1" | grep -qF '*:'; }

# greeted WHAT LOG: whether all calls of a consumer that has ended were answered.
greeted() {
  logged "$2" '"succeeded":20,\|calls 20, succeeded 20,' || fail "not every call was answered: $1"
  echo "ok: $1"
}

# With IPv4 as well: without any, Go's library listens on no IPv6 address.
ip link set lo up
cat >zoo.cfg <<CONFIGURATION
tickTime=2000
dataDir=$PWD/zookeeper
clientPortAddress=::1
clientPort=2181
admin.enableServer=false
CONFIGURATION
java -Xmx128m -Dzookeeper.admin.enableServer=false -cp '/etc/zookeeper/conf:/usr/share/java/*' \
  org.apache.zookeeper.server.quorum.QuorumPeerMain zoo.cfg >zookeeper.log 2>&1 &

# What dubbo-go is told to register it takes as it is: an IPv6 address needs brackets.
go() {
  local role=$1
  shift
  DUBBO_IP_TO_REGISTRY='[::1]' "$peer" "$role" --application "go-$role" --zk-address '[::1]:2181' "$@"
}

DUBBO_IP_TO_REGISTRY=::1 "$server" --zk-address '[::1]:2181' --push=false --metrics-addr '[::1]:0' --delay 0s --stop-wait 0s \
  --error-rate 0 >server.log 2>&1 &
ours=$!
eventually 'our provider is registered' logged server.log 'registered address=\[::1\]:20000'
go consumer --count 20 >go-instance.log 2>&1
greeted 'a dubbo-go consumer finds our provider by its instance' go-instance.log
go consumer --count 20 --registry-interface >go-interface.log 2>&1
greeted 'a dubbo-go consumer finds our provider by its interface' go-interface.log
kill $ours
wait $ours

go provider --port 20002 >go-provider.log 2>&1 &
eventually 'a dubbo-go provider listens' listening 20002
# It waits until there is a provider.
timeout 60 "$client" --zk-address '[::1]:2181' --push=false --metrics-addr '[::1]:0' --interval 0s --count 20 >client.log 2>&1 || true
greeted 'our consumer finds the dubbo-go provider' client.log
go consumer --count 20 >go-go.log 2>&1
greeted 'a dubbo-go consumer finds the dubbo-go provider' go-go.log
