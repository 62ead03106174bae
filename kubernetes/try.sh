#!/usr/bin/env bash
# Runs the manifests on a real API server with real controllers, scheduler, prometheus-operator and Prometheus, and a small kubelet
# that makes each pod in a network namespace. Linux, as root; needs go, cargo, etcd, kubectl, mvn, java, iproute2, openssl,
# prometheus-pushgateway and some 5 GB. The servers are built once, which takes some 20 minutes; the checks take some 20 minutes.
#
#   kubernetes/try.sh                 all checks
#   kubernetes/try.sh apply           only those whose names begin so; `targets` and what follows need `apply` before them
#   TOOLS=FOLDER kubernetes/try.sh    keeps the servers there instead of in target/kubernetes
set -euo pipefail
[ "$(uname -s)" = Linux ] || { echo 'try.sh: this needs Linux' >&2; exit 2; }
cd "$(dirname "$0")/.."
project=$PWD
tools=${TOOLS:-$project/target/kubernetes}
servers=$project/tests/kubernetes/servers

[ "$(id -u)" = 0 ] || { echo "try.sh: run this as root: it makes network namespaces" >&2; exit 2; }
for program in go cargo etcd kubectl mvn java ip openssl prometheus-pushgateway unshare nsenter setpriv; do
  command -v "$program" >/dev/null || { echo "try.sh: there is no $program" >&2; exit 2; }
done
mkdir -p "$tools"

version=k8s.io/component-base/version
[ -x "$tools/kubernetes" ] || (cd tests/kubernetes && go build -trimpath \
  -ldflags "-s -w -X $version.gitVersion=v1.36.3 -X $version.gitMajor=1 -X $version.gitMinor=36" -o "$tools/kubernetes" ./controlplane)
[ -x "$tools/prometheus" ] || (cd "$servers/prometheus" && go build -trimpath -ldflags '-s -w' -o "$tools/" \
  github.com/prometheus/prometheus/cmd/prometheus)
operator=github.com/prometheus-operator/prometheus-operator
[ -x "$tools/prometheus-operator" ] || (cd "$servers/operator" && go build -trimpath \
  -ldflags '-s -w -X github.com/prometheus/common/version.Version=0.85.0' -o "$tools/prometheus-operator" $operator/cmd/operator)
[ -x "$tools/helm" ] || GOBIN=$(realpath "$tools") go install -trimpath -ldflags '-s -w' helm.sh/helm/v3/cmd/helm@v3.22.0
if [ ! -d "$tools/crds" ]; then
  mkdir -p "$tools/crds.new"
  cp "$(cd "$servers/operator" && go list -m -f '{{.Dir}}' $operator)"/example/prometheus-operator-crd/*.yaml "$tools/crds.new"
  mv "$tools/crds.new" "$tools/crds"
fi
[ -d "$tools/zookeeper" ] || mvn -q -B -f "$servers/zookeeper/pom.xml" dependency:copy-dependencies "-DoutputDirectory=$tools/zookeeper"
(cd tests/kubernetes && go build -o "$tools/try" ./try)
cargo build --bins -p server -p client -p pgw-cleaner

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
mkdir "$work/programs"
cp target/debug/{server,client,pgw-cleaner} "$work/programs"
unshare --net --mount --pid --fork --kill-child --mount-proc \
  "$tools/try" -project "$project" -tools "$tools" -programs "$work/programs" -work "$work" "$@" || failed=$?
[ -z "${failed:-}" ] || { [ -z "${KEEP:-}" ] || cp -r "$work" "$KEEP"; exit "$failed"; }
