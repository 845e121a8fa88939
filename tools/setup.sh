# Sourced by tools/demo and tools/test: installs what is missing and builds. Works from any directory.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/build/release

say() { printf '%s\n' "$*" >&2; }

# Installs the Debian packages named that are not there yet; without any missing it touches no network.
install_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { say "Missing packages: ${missing[*]}. Install them as root, then run this again."; exit 5; }
    as_root=(sudo)
  fi
  say "Installing: ${missing[*]}"
  "${as_root[@]}" apt-get update -qq &&
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
    { say "apt-get could not install: ${missing[*]}. Is there a network?"; exit 5; }
}

# What the library and the program need to build.
packages=(g++ cmake ninja-build libstb-dev libcli11-dev nlohmann-json3-dev zlib1g-dev libjpeg62-turbo-dev
          libpng-dev libwebp-dev libtiff-dev libutf8proc-dev libpugixml-dev fonts-dejavu-core)

# configure CMAKE_ARGUMENTS...: a Release tree in $build.
configure() {
  cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release "$@" >"$build.log" 2>&1 ||
    { cat "$build.log" >&2; exit 1; }
}

# build_targets TARGETS...: everything if none is named; only what changed is built again.
build_targets() {
  cmake --build "$build" --target "${@:-all}" >&2
}

mkdir -p "$root/build"
