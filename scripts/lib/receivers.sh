#!/usr/bin/env bash
# What the tests of the alert consumer send to: the real Alertmanager, and a mail server. Fetched once,
# kept in the user's cache. Prints the path of alertmanager, then that of a Python with aiosmtpd.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
. "$(dirname "${BASH_SOURCE[0]}")/infra-tools.sh"

INFRA_TOOLS="$WEIR_CACHE/infra"
RECEIVERS_PYPI="aiosmtpd==1.4.6"

receivers_python() {
  setup_say "fetching $RECEIVERS_PYPI"
  python3 -c 'import ensurepip, venv' 2>/dev/null || setup_install python3 python3-venv || return 1
  python3 -m venv --clear "$INFRA_TOOLS/mail" &&
    "$INFRA_TOOLS/mail/bin/pip" install -q --disable-pip-version-check $RECEIVERS_PYPI >&2
}

receivers_fetch() {
  mkdir -p "$INFRA_TOOLS/bin" || return 1
  infra_once alertmanager "$INFRA_ALERTMANAGER" infra_alertmanager &&
    infra_once mail "$RECEIVERS_PYPI" receivers_python
  command -v openssl >/dev/null || setup_install openssl
}

setup_locked receivers_fetch
printf '%s\n' "$INFRA_TOOLS/bin/alertmanager" "$INFRA_TOOLS/mail/bin/python"
