#!/usr/bin/env bash
# What the scripts share: brings the machine's tools and the third-party run-time parts into place.
#
#   . scripts/lib/setup.sh      then call the functions; or run this file (or scripts/setup) for all of it
#
#   setup_build       git, and what cargo needs beside Rust: a C and C++ compiler, make, zlib and OpenSSL to link
#   setup_java        Java 17 or later
#   setup_kafka       .deps/kafka/lib/*.jar           by Maven, from infra/kafka/pom.xml and jars.sha256
#   setup_clickhouse  .deps/clickhouse/libchdb.so     by npm, version and hash below
#   setup_all         all of these
#   setup_clients     npm, git and Python with venv, for what tests install by them; not part of setup_all
#
# Each looks first and touches the network only for what is missing. What was fetched is kept in a cache of the
# user (WEIR_CACHE, else $XDG_CACHE_HOME/weir, else ~/.cache/weir), so that another clone needs no network either.

WEIR_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
WEIR_DEPS="$WEIR_ROOT/.deps"
WEIR_CACHE=${WEIR_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/weir}

CHDB_PACKAGE=@chdb/lib-linux-x64-gnu
CHDB_VERSION=26.7.3-stable.1
CHDB_TARBALL_SHA256=c0d32b129e988f2b9a9a31c9141aecf5e1e2453f9a079efc4d36ab8e3f92b2ad
CHDB_LIBRARY_SHA256=36ad4e999882821ef13cf2d0f52c93f48e6ee1b4498b35a201c23ce4b8d15bf5

DENY_VERSION=0.20.2
CYCLONEDX_VERSION=0.5.9

setup_say() { printf 'setup: %s\n' "$*" >&2; }
setup_fail() {
  setup_say "$*"
  return 1
}

# Runs a command as root.
setup_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    setup_fail "needs root for: $* (run it yourself, then try again)"
  fi
}

# Installs packages with apt-get; on other systems says which ones are wanted.
setup_install() {
  if ! command -v apt-get >/dev/null; then
    setup_fail "no apt-get here: install the equivalents of these Debian packages, then try again: $*"
    return 1
  fi
  setup_say "installing $*"
  if [ -z "${SETUP_APT_UPDATED:-}" ]; then
    setup_root env DEBIAN_FRONTEND=noninteractive apt-get -q update >&2 || setup_say "apt-get update failed, trying with the lists there are"
    SETUP_APT_UPDATED=1
  fi
  setup_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "$@" >&2
}

setup_build() {
  local want=() tool
  for tool in gcc g++ make pkg-config git; do
    command -v "$tool" >/dev/null || want+=("$tool")
  done
  if ! printf '#include <zlib.h>\n' | gcc -E - >/dev/null 2>&1; then
    want+=(zlib1g-dev libc6-dev)
  fi
  # Kafka over TLS and SASL. Linked in by .cargo/config.toml; a build with `--features tls-vendored` needs neither.
  if ! printf '#include <openssl/ssl.h>\n' | gcc -E - >/dev/null 2>&1 ||
    [ ! -e "$(gcc -print-file-name=libssl.a)" ]; then
    setup_say "OpenSSL's header or static library is missing: Kafka over TLS needs libssl-dev (Debian, Ubuntu) or openssl-devel and openssl-static (elsewhere)"
    want+=(libssl-dev)
  fi
  if [ ${#want[@]} -gt 0 ]; then
    setup_install "${want[@]}" || return 1
  fi
  if ! command -v cargo >/dev/null && [ ! -x "${CARGO_HOME:-${HOME:-/root}/.cargo}/bin/cargo" ]; then
    setup_install rustup || setup_fail "cargo is missing: install Rust with rustup (https://rustup.rs), then try again"
  fi
}

# The major version of the Java in use, 0 where there is none.
setup_java_version() {
  local java=java major
  [ -n "${JAVA_HOME:-}" ] && java="$JAVA_HOME/bin/java"
  major=$("$java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1)
  printf '%s' "${major:-0}"
}

setup_java() {
  [ "$(setup_java_version)" -ge 17 ] && return 0
  local package
  for package in openjdk-21-jre-headless openjdk-17-jre-headless default-jre-headless; do
    if apt-cache show "$package" >/dev/null 2>&1 || [ "$package" = default-jre-headless ]; then
      setup_install "$package" || return 1
      break
    fi
  done
  [ "$(setup_java_version)" -ge 17 ] || setup_fail "Java 17 or later is needed, found $(setup_java_version)"
}

# Hard links where the file system allows it: the library alone is 566 MB.
setup_copy() { cp -fl "$@" 2>/dev/null || cp -f --preserve=timestamps "$@"; }

# One set-up at a time: clones share the cache, and two scripts may start together.
setup_locked() {
  mkdir -p "$WEIR_CACHE" || return 1
  (
    flock -w 900 9 || setup_fail "another set-up holds $WEIR_CACHE/lock" || exit 1
    "$@"
  ) 9>"$WEIR_CACHE/lock"
}

setup_kafka() {
  local sums="$WEIR_ROOT/infra/kafka/jars.sha256" key
  key=$(sha256sum <"$sums" | cut -c1-16)
  [ -d "$WEIR_DEPS/kafka/lib" ] && [ "$(cat "$WEIR_DEPS/kafka/version" 2>/dev/null)" = "$key" ] && return 0
  setup_locked setup_kafka_place "$sums" "$key"
}

setup_kafka_place() {
  local sums=$1 key=$2 cached="$WEIR_CACHE/kafka-$2" part
  if ! (cd "$cached" && sha256sum --quiet --strict -c "$sums") >/dev/null 2>&1; then
    command -v mvn >/dev/null || setup_install maven || return 1
    setup_say "fetching the jars of Apache Kafka with Maven (43 MB)"
    part=$(mktemp -d "$WEIR_CACHE/part.XXXXXX") || return 1
    if ! mvn -q -B -Dstyle.color=never -f "$WEIR_ROOT/infra/kafka/pom.xml" dependency:copy-dependencies \
      -DincludeScope=runtime "-DoutputDirectory=$part" >&2; then
      rm -rf "$part"
      setup_fail "Maven could not fetch Kafka's jars"
      return 1
    fi
    if ! (cd "$part" && sha256sum --quiet --strict -c "$sums") >&2; then
      rm -rf "$part"
      setup_fail "Kafka's jars are not those of infra/kafka/jars.sha256"
      return 1
    fi
    rm -rf "$cached"
    chmod 755 "$part"
    mv "$part" "$cached" || return 1
  fi
  rm -rf "$WEIR_DEPS/kafka"
  mkdir -p "$WEIR_DEPS/kafka/lib"
  # Only the named ones: a jar too many on the class path is a jar that nobody checked.
  sed 's/^[0-9a-f]* [ *]//' "$sums" | while IFS= read -r part; do
    setup_copy "$cached/$part" "$WEIR_DEPS/kafka/lib/" || exit 1
  done || return 1
  printf '%s\n' "$key" >"$WEIR_DEPS/kafka/version"
  setup_say "Apache Kafka's jars are in .deps/kafka"
}

setup_clickhouse() {
  [ -s "$WEIR_DEPS/clickhouse/libchdb.so" ] && [ "$(cat "$WEIR_DEPS/clickhouse/version" 2>/dev/null)" = "$CHDB_VERSION" ] && return 0
  if [ "$(uname -sm)" != "Linux x86_64" ]; then
    setup_fail "there is no package of the ClickHouse engine for $(uname -sm): use a ClickHouse server, or set WEIR_LIBCHDB to a libchdb.so $CHDB_VERSION"
    return 1
  fi
  setup_locked setup_clickhouse_place
}

setup_clickhouse_place() {
  local cached="$WEIR_CACHE/clickhouse-$CHDB_VERSION" part tarball
  if ! printf '%s  %s\n' "$CHDB_LIBRARY_SHA256" "$cached/libchdb.so" | sha256sum --status -c - 2>/dev/null; then
    command -v npm >/dev/null || setup_install nodejs npm || return 1
    setup_say "fetching the ClickHouse engine with npm (178 MB)"
    part=$(mktemp -d "$WEIR_CACHE/part.XXXXXX") || return 1
    if ! tarball=$(cd "$part" && npm pack --silent "$CHDB_PACKAGE@$CHDB_VERSION" | tail -n 1); then
      rm -rf "$part"
      setup_fail "npm could not fetch $CHDB_PACKAGE"
      return 1
    fi
    if ! printf '%s  %s\n' "$CHDB_TARBALL_SHA256" "$part/$tarball" | sha256sum --quiet -c - >&2 ||
      ! tar -xzf "$part/$tarball" -C "$part" package/libchdb.so ||
      ! printf '%s  %s\n' "$CHDB_LIBRARY_SHA256" "$part/package/libchdb.so" | sha256sum --quiet -c - >&2; then
      rm -rf "$part"
      setup_fail "the package $CHDB_PACKAGE@$CHDB_VERSION is not the one that was pinned"
      return 1
    fi
    rm -rf "$cached"
    mkdir -p "$cached" && mv "$part/package/libchdb.so" "$cached/" || return 1
    rm -rf "$part"
  fi
  rm -rf "$WEIR_DEPS/clickhouse"
  mkdir -p "$WEIR_DEPS/clickhouse"
  setup_copy "$cached/libchdb.so" "$WEIR_DEPS/clickhouse/" || return 1
  printf '%s\n' "$CHDB_VERSION" >"$WEIR_DEPS/clickhouse/version"
  setup_say "the ClickHouse engine is in .deps/clickhouse"
}

# Rust as rustup installs it may not be on the path of this shell yet.
setup_path() {
  command -v cargo >/dev/null || export PATH="${CARGO_HOME:-${HOME:-/root}/.cargo}/bin:$PATH"
}

# A cargo command, kept in the user's cache: building it takes minutes.
setup_cargo_tool() {
  local name=$1 version=$2 root="$WEIR_CACHE/tools"
  export PATH="$root/bin:$PATH"
  grep -qF "\"$name $version " "$root/.crates.toml" 2>/dev/null && [ -x "$root/bin/$name" ] && return 0
  setup_say "building $name $version (some minutes, once)"
  cargo install --quiet --locked --root "$root" --version "$version" "$name"
}

setup_clients() {
  command -v npm >/dev/null || setup_install nodejs npm || return 1
  command -v git >/dev/null || setup_install git || return 1
  python3 -c 'import ensurepip, venv' 2>/dev/null || setup_install python3 python3-venv
}

setup_deny() { setup_cargo_tool cargo-deny "$DENY_VERSION"; }
setup_cyclonedx() { setup_cargo_tool cargo-cyclonedx "$CYCLONEDX_VERSION"; }

setup_all() { setup_build && setup_java && setup_kafka && setup_clickhouse; }

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  set -euo pipefail
  setup_all
fi
