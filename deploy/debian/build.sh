#!/usr/bin/env bash
# Builds a Debian package of mihu-trunk-exporter for the release and architecture that it runs on.
#
#     deploy/debian/build.sh [FOLDER]    # where to put it; dist
#
# Needs python3-venv, and a network for the packages that requirements.lock pins; they come along, under
# /opt/mihu-trunk-exporter, so that nothing of the system's Python but its interpreter is used. That is why a package is
# for one version of Python.
set -euo pipefail
cd "$(dirname "$0")/../.."

FOLDER=${1:-dist}
VERSION=$(python3 -c 'import runpy; print(runpy.run_path("exporter/__init__.py")["__version__"])')
ARCHITECTURE=$(dpkg --print-architecture)
PYTHON=$(python3 -c 'import sys; print(f"python3 (>= 3.{sys.version_info.minor}), python3 (<< 3.{sys.version_info.minor + 1})")')
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
export SOURCE_DATE_EPOCH
umask 022

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
app=$root/opt/mihu-trunk-exporter

python3 -m venv "$work/build"
pip() { "$work/build/bin/pip" --quiet --disable-pip-version-check "$@"; }
pip install --require-hashes --requirement deploy/docker/requirements-build.lock
pip wheel --no-deps --no-build-isolation --wheel-dir "$work" .
python3 -m venv --without-pip "$app"
pip --python "$app/bin/python" install --no-compile --only-binary :all: --require-hashes --requirement requirements.lock
pip --python "$app/bin/python" install --no-compile --no-deps --no-index "$work"/*.whl
find "$app/bin" -mindepth 1 ! -name 'python*' ! -name mihu-trunk-exporter -delete
sed -i "s|$root||" "$app/bin/mihu-trunk-exporter" "$app/pyvenv.cfg"
# The service may not write there: bytecode comes along, checked by nothing, since nothing changes.
"$app/bin/python" -m compileall -q --invalidation-mode unchecked-hash -s "$root" "$app/lib"

install -d "$root"/usr/bin "$root"/usr/share/man/man1
ln -s /opt/mihu-trunk-exporter/bin/mihu-trunk-exporter "$root/usr/bin/"
install -D -m 0644 deploy/systemd/config.yaml "$root/etc/mihu-trunk-exporter/config.yaml"
install -D -m 0644 deploy/debian/default "$root/etc/default/mihu-trunk-exporter"
install -D -m 0644 LICENSE "$root/usr/share/doc/mihu-trunk-exporter/copyright"
unit=$root/usr/lib/systemd/system/mihu-trunk-exporter.service
install -D -m 0644 deploy/systemd/mihu-trunk-exporter.service "$unit"
sed -i '/^\[Unit\]/,$!d' "$unit" # its first lines say how to install it by hand
"$app/bin/python" -B deploy/debian/man.py | gzip -9n >"$root/usr/share/man/man1/mihu-trunk-exporter.1.gz"

install -d "$root/DEBIAN"
install -m 0755 deploy/debian/{postinst,prerm,postrm} "$root/DEBIAN"
(cd "$root" && find etc -type f -printf '/%p\n' | sort) >"$root/DEBIAN/conffiles"
cat >"$root/DEBIAN/control" <<END
Package: mihu-trunk-exporter
Version: $VERSION
Architecture: $ARCHITECTURE
Maintainer: The mihu-trunk-exporter authors
Section: net
Priority: optional
Depends: libc6, $PYTHON
Recommends: ca-certificates
Installed-Size: $(du -sk --exclude=DEBIAN "$root" | cut -f1)
Description: Prometheus exporter for the external trunks of Mihu workspaces
 Polls the trunks of one or many workspaces, and answers scrapes.
END
mkdir -p "$FOLDER"
# Compressed a little less than by default, in a third of the time.
dpkg-deb -Zxz -z1 --root-owner-group --build "$root" "$FOLDER/mihu-trunk-exporter_${VERSION}_$ARCHITECTURE.deb"
