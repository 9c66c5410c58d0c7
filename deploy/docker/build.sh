#!/usr/bin/env bash
# Builds the image of mihu-trunk-exporter, runs it on the simulated API and asks it for its health and metrics.
#
#     deploy/docker/build.sh [ARGUMENT...]    # arguments go to the engine's build command
#
# Behind a proxy with a certificate of its own, give podman or buildah --volume /etc/ssl/certs:/etc/ssl/certs:ro.
#
# It takes docker, podman or, where no engine runs, buildah. In the environment may stand:
#
#     ENGINE       docker, podman or buildah
#     IMAGE        the name to give it; mihu-trunk-exporter with the version as its tag
#     BASE_IMAGE   another base that has python3, its venv module and certificates; or "debian": a base is made from
#                  Debian's packages first, where no registry of images is reached (root, debootstrap, buildah)
#     REVISION     what is built; the commit
#     SOURCE       the address of the source, for the image's label
set -euo pipefail
cd "$(dirname "$0")/../.."

DEBIAN_RELEASE=trixie
PORT=10155

die() {
  echo "build.sh: $*" >&2
  exit 1
}

find_engine() {
  if docker info >/dev/null 2>&1; then
    echo docker
  elif command -v podman >/dev/null; then
    echo podman
  elif command -v buildah >/dev/null; then
    echo buildah
  else
    die "no docker, podman or buildah; install one: apt-get install buildah"
  fi
}

# A stand-in for the base, of the same Debian release and Python version.
make_debian_base() {
  local folder container
  command -v debootstrap >/dev/null || die "debootstrap is missing; install it: apt-get install debootstrap"
  folder=$(mktemp -d)
  debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv \
    "$DEBIAN_RELEASE" "$folder" >&2
  rm -rf "$folder"/var/cache/apt/* "$folder"/var/lib/apt/lists/*
  container=$(buildah from scratch)
  buildah add --quiet "$container" "$folder" / >&2
  buildah commit --quiet "$container" "localhost/debian-python:$DEBIAN_RELEASE" >&2
  buildah rm "$container" >/dev/null
  rm -rf "$folder"
  echo "localhost/debian-python:$DEBIAN_RELEASE"
}

build() {
  case $ENGINE in
    docker) docker build "$@" . ;;
    podman) podman build --format docker --timestamp "$SOURCE_DATE_EPOCH" "$@" . ;;
    buildah) buildah build --isolation chroot --format docker --timestamp "$SOURCE_DATE_EPOCH" "$@" . ;;
  esac
}

# start, inside, logs and stop: the image as a container, a command in it, what it said, its end.
start() {
  case $ENGINE in
    docker | podman)
      CONTAINER=$("$ENGINE" run --detach --read-only --cap-drop ALL --security-opt no-new-privileges "$IMAGE" --demo)
      ;;
    buildah)
      # Two containers, since buildah may end what runs in one when it runs something else in it. They share the network.
      CONTAINER=$(buildah from --pull-never "$IMAGE")
      PROBE=$(buildah from --pull-never "$IMAGE")
      LOG=$(mktemp)
      buildah run --isolation chroot "$CONTAINER" -- mihu-trunk-exporter --demo >"$LOG" 2>&1 &
      PROCESS=$!
      ;;
  esac
}

inside() {
  case $ENGINE in
    docker | podman) "$ENGINE" exec "$CONTAINER" "$@" ;;
    buildah) buildah run --isolation chroot "$PROBE" -- "$@" ;;
  esac
}

logs() {
  case $ENGINE in
    docker | podman) "$ENGINE" logs "$CONTAINER" >&2 ;;
    buildah) cat "$LOG" >&2 ;;
  esac
}

stop() {
  case $ENGINE in
    docker | podman) "$ENGINE" rm --force "$CONTAINER" >/dev/null ;;
    buildah)
      kill "$PROCESS" 2>/dev/null || true
      wait "$PROCESS" 2>/dev/null || true
      buildah rm "$CONTAINER" "$PROBE" >/dev/null
      rm -f "$LOG"
      ;;
  esac
}

fail() {
  logs || true
  die "$@"
}

try_out() {
  local python=/opt/mihu-trunk-exporter/bin/python
  start
  trap stop EXIT
  for _ in {1..60}; do
    inside "$python" -I /opt/mihu-trunk-exporter/healthcheck.py >/dev/null 2>&1 && break
    sleep 0.5
  done
  inside "$python" -I /opt/mihu-trunk-exporter/healthcheck.py || fail "it does not become healthy"
  # buildah's containers share the network of this machine: another exporter may be what answered.
  [ "$ENGINE" != buildah ] || kill -0 "$PROCESS" || fail "it ended; is port $PORT taken?"
  inside "$python" -I -c "
import importlib.resources, os, time, urllib.request
assert (importlib.resources.files('exporter.assets') / 'files/prometheus/rules').is_dir(), 'it has no rules'
assert os.getuid() != 0, 'it runs as root'
assert os.access(os.environ['MIHU_STORAGE_PATH'], os.W_OK), 'it cannot store what it remembers'
for _ in range(60):
    lines = urllib.request.urlopen('http://127.0.0.1:$PORT/metrics', timeout=5).read().decode().splitlines()
    up = [line for line in lines if line.startswith('mihu_up{')]
    if up and all(float(line.split()[-1]) for line in up):
        break
    time.sleep(0.5)
else:
    raise SystemExit('not every workspace is up')
print(f'user {os.getuid()}:{os.getgid()}, {len(lines)} lines of metrics, such as')
print(*(line for line in lines if line.startswith('mihu_exporter_build_info')), *up, sep='\n')" ||
    fail "its metrics are not what they ought to be"
}

ENGINE=${ENGINE:-$(find_engine)}
command -v python3 >/dev/null || die "python3 is missing, which reads the version; install it: apt-get install python3"
VERSION=$(python3 -c 'import runpy; print(runpy.run_path("exporter/__init__.py")["__version__"])')
IMAGE=${IMAGE:-mihu-trunk-exporter:$VERSION}
REVISION=${REVISION:-$(git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
export SOURCE_DATE_EPOCH
if [ "${BASE_IMAGE:-}" = debian ]; then
  [ "$ENGINE" = buildah ] || die "BASE_IMAGE=debian needs ENGINE=buildah"
  BASE_IMAGE=$(make_debian_base)
fi

build --file deploy/docker/Dockerfile --tag "$IMAGE" \
  --build-arg VERSION="$VERSION" --build-arg REVISION="$REVISION" --build-arg SOURCE="${SOURCE:-unknown}" \
  ${BASE_IMAGE:+--build-arg BASE_IMAGE="$BASE_IMAGE"} "$@"
try_out
echo "built and tried out: $IMAGE"
