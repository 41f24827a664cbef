#!/bin/sh
# Finished image, as its user: what is needed is there and works. More programs may be named.
#
# ROOT: another root folder. APP_UID: another number.
set -eu

ROOT=${ROOT:-}
fail() { echo "check: $*" >&2; exit 1; }

[ "$(id -u)" = "${APP_UID:-1000}" ] || fail "the user is $(id -u)"
[ -w "$ROOT/app/state" ] || fail "/app/state cannot be written to"
for program in git ssh ssh-keygen gpg gpg-agent gpgconf gpg-connect-agent tini argocd-image-updater "$@"; do
    command -v "$program" >/dev/null || fail "$program is missing"
done
[ -s /etc/ssl/certs/ca-certificates.crt ] || fail "there are no CA certificates"
git --version
ssh -V
gpg --version | head -n 1
tini --version
tini -- argocd-image-updater version
tini -- argocd-image-updater run --help >/dev/null
