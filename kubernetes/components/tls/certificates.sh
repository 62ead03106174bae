#!/bin/sh
# Makes an authority, certificates of the provider and the consumer for 30 days, and their Secrets. For a trial: the authority's key is
# not kept, so to renew means to make all of them again. Needs openssl and kubectl.
# usage: certificates.sh [NAMESPACE]    dubbo-system by default
set -eu
namespace=${1:-dubbo-system}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj "/CN=Dubbo trial authority" \
  -keyout authority.key -out ca.crt 2>/dev/null
for side in server client; do
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=dubbo-$side" -keyout tls.key -out request 2>/dev/null
  printf 'subjectAltName=DNS:dubbo-%s.dubbo.internal,DNS:metrics.dubbo.internal\nextendedKeyUsage=serverAuth,clientAuth\n' "$side" >names
  openssl x509 -req -in request -CA ca.crt -CAkey authority.key -CAcreateserial -days 30 -extfile names -out tls.crt 2>/dev/null
  kubectl -n "$namespace" create secret generic "dubbo-$side-tls" --type=kubernetes.io/tls \
    --from-file=tls.crt --from-file=tls.key --from-file=ca.crt --dry-run=client -o yaml | kubectl apply -f -
done
