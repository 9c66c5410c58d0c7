#!/usr/bin/env bash
# Builds the image of mihu-trunk-exporter for this machine, runs it on the simulated API and asks it for its health and metrics.
#
#     deploy/docker/build.sh [ARGUMENT...]    # arguments go to the engine's build command
#
# In the environment may stand:
#
#     ENGINE       docker (with buildx) or podman
#     IMAGE        the name to give it; mihu-trunk-exporter with the version as its tag
#     BASE_IMAGE   another base of Debian's that has python3, its venv module and certificates
#     PLATFORMS    such as linux/amd64,linux/arm64: once it was tried out, the image is built for these, too, and pushed to
#                  the registry that IMAGE names; docker adds a list of what is in it (SBOM) and how it was built (provenance).
#                  A foreign architecture needs qemu-user-static, or a builder of that architecture
#     REVISION     what is built; the commit
#     SOURCE       the address of the source, for the image's label
set -euo pipefail
cd "$(dirname "$0")/../.."

PYTHON=/opt/mihu-trunk-exporter/bin/python

die() {
  echo "build.sh: $*" >&2
  exit 1
}

find_engine() {
  if docker info >/dev/null 2>&1; then
    echo docker
  elif command -v podman >/dev/null; then
    echo podman
  else
    die "no docker or podman; install one: apt-get install podman"
  fi
}

inside() { "$ENGINE" exec "$CONTAINER" "$PYTHON" -I "$@"; }

fail() {
  "$ENGINE" logs "$CONTAINER" >&2 || true
  die "$@"
}

try_out() {
  CONTAINER=$("$ENGINE" run --detach --read-only --cap-drop ALL --security-opt no-new-privileges "$IMAGE" --demo)
  trap '"$ENGINE" rm --force "$CONTAINER" >/dev/null' EXIT
  for _ in {1..60}; do
    inside /opt/mihu-trunk-exporter/healthcheck.py >/dev/null 2>&1 && break
    sleep 0.5
  done
  inside /opt/mihu-trunk-exporter/healthcheck.py || fail "it does not become healthy"
  inside -c "
import importlib.resources, os, time, urllib.request
assert (importlib.resources.files('exporter') / 'assets/files/prometheus/rules').is_dir(), 'it has no rules'
assert os.getuid() != 0, 'it runs as root'
assert os.access(os.environ['MIHU_STORAGE_PATH'], os.W_OK), 'it cannot store what it remembers'
for _ in range(60):
    lines = urllib.request.urlopen('http://127.0.0.1:10155/metrics', timeout=5).read().decode().splitlines()
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

publish() {
  if [ "$ENGINE" = docker ]; then
    docker buildx build --platform "$PLATFORMS" --tag "$IMAGE" --sbom=true --provenance=mode=max --push "${OPTIONS[@]}" .
  else
    podman build --platform "$PLATFORMS" --manifest "$IMAGE-platforms" "${OPTIONS[@]}" .
    podman manifest push --all --rm "$IMAGE-platforms" "docker://$IMAGE"
  fi
}

ENGINE=${ENGINE:-$(find_engine)}
command -v python3 >/dev/null || die "python3 is missing, which reads the version; install it: apt-get install python3"
VERSION=$(python3 -c 'import runpy; print(runpy.run_path("exporter/__init__.py")["__version__"])')
IMAGE=${IMAGE:-mihu-trunk-exporter:$VERSION}
REVISION=${REVISION:-$(git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
CREATED=$(date --utc --date="@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
export SOURCE_DATE_EPOCH
OPTIONS=(
  --file deploy/docker/Dockerfile
  --build-arg VERSION="$VERSION" --build-arg REVISION="$REVISION" --build-arg SOURCE="${SOURCE:-unknown}"
  --build-arg CREATED="$CREATED" ${BASE_IMAGE:+--build-arg BASE_IMAGE="$BASE_IMAGE"} "$@"
)
[ "$ENGINE" = docker ] || OPTIONS+=(--format docker --timestamp "$SOURCE_DATE_EPOCH")

"$ENGINE" build --tag "$IMAGE" "${OPTIONS[@]}" .
try_out
echo "built and tried out: $IMAGE"
[ -z "${PLATFORMS:-}" ] || publish
