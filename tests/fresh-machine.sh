#!/usr/bin/env bash
# Runs the README's first two commands on a fresh machine: a bare Debian made by debootstrap, a clean clone of the commit that is
# checked out, and a Rust toolchain. Prints times and disk. A command of its own, as root; both together take more than half an hour.
#
#   fresh-machine.sh              both commands
#   fresh-machine.sh 1            the first one only; 2: the second one only
#
# From the environment:
#   SUITE, MIRROR    what Debian, and from where (bookworm, what debootstrap takes by itself)
#   FOLDER           where the machine is made (a new folder in /var/tmp); it must not exist
#   KEEP=true        leaves the folder there, to look at or to go on in: FOLDER=… RESUME=true fresh-machine.sh 2
#   CA_FILE          a file of certificate authorities, for networks whose https needs one
# Variables that begin with CARGO_REGISTRIES_, CARGO_HTTP_, CARGO_NET_, PIP_ or GO, or end in _proxy, are passed on.
set -euo pipefail
[ "$(uname -s)" = Linux ] || { echo 'fresh-machine.sh: this needs Linux, with debootstrap' >&2; exit 1; }
top=$(cd "$(dirname "$0")/.." && pwd)

die() {
  echo "fresh-machine.sh: $*" >&2
  exit 1
}

# What Rust itself asks for before it builds anything: a linker, and certificates for crates.io (https://rustup.rs).
packages=build-essential,ca-certificates

which=${1:-both}
case $which in both | 1 | 2) ;; *) die "there is no $which: 1, 2, or nothing for both" ;; esac
[ "$(id -u)" = 0 ] || die "debootstrap and chroot need root"
for tool in debootstrap unshare chroot git rustc; do
  command -v $tool >/dev/null || die "there is no $tool"
done

suite=${SUITE:-bookworm}
resume=${RESUME:-false}
if [ "$resume" = true ]; then
  [ -d "${FOLDER:?names the machine to go on in}" ] || die "there is no $FOLDER"
  folder=$FOLDER
else
  folder=${FOLDER:-$(mktemp -u -p /var/tmp fresh-machine.XXXXXX)}
  [ ! -e "$folder" ] || die "$folder is there already: name another FOLDER, or go on in it with RESUME=true"
fi

finish() {
  if [ "${KEEP:-false}" = true ]; then
    echo "kept: $folder"
  else
    rm -rf --one-file-system "$folder"
  fi
}
trap finish EXIT

report=()
# timed WHAT COMMAND…: runs the command, and notes how long it took and what is on the disk then.
timed() {
  local what=$1 start=$SECONDS code=0
  shift
  "$@" || code=$?
  report+=("$(printf '%-28s %5ds  %6s  %s' "$what" $((SECONDS - start)) "$(du -shx "$folder" | cut -f1)" \
    "$([ $code = 0 ] && echo ok || echo "FAILED ($code)")")")
  return $code
}

machine() {
  debootstrap --variant=minbase --include="$packages" "$suite" "$folder" ${MIRROR:+"$MIRROR"} >"$folder.log" ||
    { tail -20 "$folder.log"; return 1; }
  rm -f "$folder.log"
  cp /etc/resolv.conf "$folder/etc/resolv.conf"
  [ -z "${CA_FILE:-}" ] || cp "$CA_FILE" "$folder/etc/ssl/fresh-machine.pem"
}

toolchain() {
  local sysroot
  sysroot=$(rustc --print sysroot)
  (cd "$sysroot" && tar -c --exclude=share/doc --exclude=share/man .) | tar -x -C "$folder/usr/local"
}

clone() {
  git clone --quiet --no-hardlinks "$top" "$folder/root/project"
  # A clone of a folder would name that folder.
  git -C "$folder/root/project" remote remove origin
}

# The commands that the README shows first, each in a block of its own.
commands() {
  awk '/^```bash$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$folder/root/project/README.md" | head -2
}

# within SECONDS COMMAND: runs a line in the machine, with a process tree and mounts that end with it.
within() {
  local limit=$1 line=$2 name
  local variables=(HOME=/root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
  for name in $(compgen -e); do
    case $name in
      CARGO_REGISTRIES_* | CARGO_HTTP_* | CARGO_NET_* | PIP_* | GOPROXY | GOSUMDB | GONOSUMDB | *_proxy | *_PROXY)
        variables+=("$name=${!name}") ;;
    esac
  done
  if [ -n "${CA_FILE:-}" ]; then
    for name in SSL_CERT_FILE CARGO_HTTP_CAINFO CURL_CA_BUNDLE GIT_SSL_CAINFO PIP_CERT; do
      variables+=("$name=/etc/ssl/fresh-machine.pem")
    done
  fi
  # shellcheck disable=SC2016 # The inner shell expands these.
  timeout --foreground --kill-after=10 "$limit" unshare --mount --pid --fork --kill-child -- sh -c '
    mount --rbind /dev "$1/dev" && mount -t proc proc "$1/proc" && mount --rbind /sys "$1/sys" || exit 1
    folder=$1
    shift
    exec chroot "$folder" /usr/bin/env -i "$@"
  ' within "$folder" "${variables[@]}" sh -c "cd /root/project && $line"
}

if [ "$resume" != true ]; then
  timed "Debian $suite" machine
  timed "Rust $(rustc --version | cut -d' ' -f2)" toolchain
  timed "a clean clone" clone
fi
mapfile -t lines < <(commands)
[ ${#lines[@]} = 2 ] || die "the README shows no two commands"
failed=0
if [ "$which" != 2 ]; then
  # It runs until it is ended, unless it is told for how long.
  timed "${lines[0]}" within 1800 "FOR=10s ${lines[0]}" || failed=1
fi
if [ "$which" != 1 ]; then
  timed "${lines[1]}" within 3600 "${lines[1]}" || failed=1
fi
echo
printf '%s\n' "${report[@]}"
[ $failed = 0 ]
