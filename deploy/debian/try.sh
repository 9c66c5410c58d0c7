#!/usr/bin/env bash
# Builds the package, and installs, runs, upgrades, removes and purges it, in a chroot of Debian. As root:
#
#     debootstrap --include=ca-certificates,curl,python3,python3-venv trixie FOLDER
#     deploy/debian/try.sh FOLDER
#
# There has to be a network in it. systemd does not run in a chroot, so the command of the unit is run as its user would.
set -euo pipefail
cd "$(dirname "$0")/../.."

CHROOT=${1:?the folder of a chroot}
NEXT=9.9.9
STATE=/var/lib/mihu-trunk-exporter
ADDRESS=127.0.0.1:10955
USER_ID=61184 # one of those that systemd gives to DynamicUser

say() { echo "try.sh: $*"; }
INSIDE=(chroot "$CHROOT" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/srv LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive)
version() { "${INSIDE[@]}" mihu-trunk-exporter --version; }
fails() { if "$@" >/dev/null 2>&1; then say "this should fail: $*" && return 1; fi; }

cleanup() {
  for pid in ${SIMULATOR:-} ${EXPORTER:-}; do kill "$pid" 2>/dev/null || true; done
  wait
  rm -rf "$CHROOT/srv/mihu-package"
}

build() { # VERSION FOLDER
  mkdir -p "$CHROOT/srv/mihu-package/$2"
  git archive HEAD | tar -x -C "$CHROOT/srv/mihu-package/$2"
  [ -z "$1" ] || sed -i "s/^__version__ = .*/__version__ = \"$1\"/" "$CHROOT/srv/mihu-package/$2/exporter/__init__.py"
  "${INSIDE[@]}" "/srv/mihu-package/$2/deploy/debian/build.sh" /srv/mihu-package/packages
}

# Start what the unit starts, as a user without rights, and wait until every workspace was read.
run() {
  local command variables
  command=$(sed -n 's/^ExecStart=//p' "$CHROOT/usr/lib/systemd/system/mihu-trunk-exporter.service")
  mapfile -t variables < <(grep -v '^#' "$CHROOT/etc/default/mihu-trunk-exporter")
  # shellcheck disable=SC2086 # words are what it is made of
  "${INSIDE[@]}" "${variables[@]}" setpriv --reuid "$USER_ID" --regid "$USER_ID" --clear-groups --no-new-privs ${command//%S//var/lib} \
    2>"$CHROOT/srv/mihu-package/log" &
  EXPORTER=$!
  for _ in {1..100}; do
    "${INSIDE[@]}" curl -sf http://$ADDRESS/-/ready >/dev/null && break
    kill -0 "$EXPORTER" || { cat "$CHROOT/srv/mihu-package/log" && return 1; }
    sleep 0.2
  done
  "${INSIDE[@]}" curl -sf http://$ADDRESS/metrics >"$CHROOT/srv/mihu-package/metrics"
  grep -E '^mihu_(up|exporter_build_info|exporter_storage_healthy)' "$CHROOT/srv/mihu-package/metrics"
  grep -q '^mihu_up{.*} 1' "$CHROOT/srv/mihu-package/metrics"
}

stop() {
  kill "$EXPORTER"
  wait "$EXPORTER" || return 1
  EXPORTER=
}

trap cleanup EXIT
build "" this
build "$NEXT" next
current=$(find "$CHROOT/srv/mihu-package/packages" -name '*.deb' ! -name "*_${NEXT}_*" -printf '%f')

say "install"
"${INSIDE[@]}" dpkg --install "/srv/mihu-package/packages/$current"
version
"${INSIDE[@]}" test -e /usr/share/man/man1/mihu-trunk-exporter.1.gz
"${INSIDE[@]}" mihu-trunk-exporter assets /srv/mihu-package/assets
"${INSIDE[@]}" test -e /srv/mihu-package/assets/prometheus/rules/mihu-trunk-exporter.rules.yaml
"${INSIDE[@]}" mihu-trunk-exporter --config.file /etc/mihu-trunk-exporter/config.yaml --config.check

say "run"
"${INSIDE[@]}" mihu-trunk-exporter simulate --workspaces 1 --listen-address 127.0.0.1:0 >"$CHROOT/srv/mihu-package/simulated.yaml" &
SIMULATOR=$!
until grep -q credentials "$CHROOT/srv/mihu-package/simulated.yaml"; do
  kill -0 "$SIMULATOR"
  sleep 0.2
done
token=$(sed -n 's/ *credentials: //p' "$CHROOT/srv/mihu-package/simulated.yaml")
install -D -o "$USER_ID" -m 0400 <(printf %s "$token") "$CHROOT/run/credentials/mihu-trunk-exporter.service/token"
install -m 0600 <(printf %s "$token") "$CHROOT/etc/mihu-trunk-exporter/token"
url=$(sed -n 's/ *base_url: //p' "$CHROOT/srv/mihu-package/simulated.yaml")
sed -i "s|subdomain: acme.*|name: acme\n    base_url: $url|" "$CHROOT/etc/mihu-trunk-exporter/config.yaml"
echo "MIHU_WEB_LISTEN_ADDRESS=$ADDRESS" >>"$CHROOT/etc/default/mihu-trunk-exporter"
install -d -m 0700 -o "$USER_ID" -g "$USER_ID" "$CHROOT$STATE"
run
stop
"${INSIDE[@]}" sh -c "ls $STATE/*" >/dev/null

say "upgrade"
before=$(sha256sum <"$CHROOT/etc/mihu-trunk-exporter/config.yaml")
"${INSIDE[@]}" dpkg --install "/srv/mihu-package/packages/${current/_*_/_${NEXT}_}"
[ "$(sha256sum <"$CHROOT/etc/mihu-trunk-exporter/config.yaml")" = "$before" ]
version | grep -F "$NEXT"
run
stop

say "remove"
"${INSIDE[@]}" dpkg --remove mihu-trunk-exporter
fails "${INSIDE[@]}" test -e /opt/mihu-trunk-exporter
"${INSIDE[@]}" test -e /etc/mihu-trunk-exporter/config.yaml
"${INSIDE[@]}" test -e "$STATE"

say "purge"
"${INSIDE[@]}" dpkg --purge mihu-trunk-exporter
for path in /opt/mihu-trunk-exporter /etc/mihu-trunk-exporter /etc/default/mihu-trunk-exporter "$STATE" /usr/bin/mihu-trunk-exporter; do
  fails "${INSIDE[@]}" test -e "$path"
done
fails "${INSIDE[@]}" dpkg --status mihu-trunk-exporter
rm -rf "$CHROOT/run/credentials/mihu-trunk-exporter.service"
say "everything works"
