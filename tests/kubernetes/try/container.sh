#!/bin/sh
# Starts a program with a root of its own: the host's programs read-only, the pod's mounts, its resolver. Called in the pod's
# network namespace and a mount namespace of its own.
# usage: container.sh NAME=VALUE… PROGRAM ARGUMENT…    ROOT, RESOLVER, USER_, READ_ONLY and MOUNTS come by the environment
set -eu
mount -t tmpfs -o mode=755 tmpfs "$ROOT"
for folder in bin etc lib lib64 opt sbin usr var; do
  if [ -L "/$folder" ]; then
    cp -a "/$folder" "$ROOT/$folder"
  elif [ -d "/$folder" ]; then
    mkdir "$ROOT/$folder"
    mount --bind "/$folder" "$ROOT/$folder"
    mount -o remount,bind,ro "$ROOT/$folder"
  fi
done
mkdir -m 755 "$ROOT/dev" "$ROOT/proc" "$ROOT/tmp" "$ROOT/run"
mount --rbind /dev "$ROOT/dev"
mount --rbind /proc "$ROOT/proc"
mount --bind "$RESOLVER" "$ROOT/etc/resolv.conf"
[ "$READ_ONLY" = true ] || mount -t tmpfs -o mode=1777 tmpfs "$ROOT/tmp"
printf '%s\n' "$MOUNTS" | while IFS=: read -r from to; do
  [ -n "$from" ] || continue
  mkdir -p "$ROOT$to"
  mount --bind "$from" "$ROOT$to"
done
[ "$READ_ONLY" = false ] || mount -o remount,ro "$ROOT"
exec chroot "$ROOT" setpriv --reuid="$USER_" --regid="$USER_" --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all -- \
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOSTNAME="$HOSTNAME_" "$@"
