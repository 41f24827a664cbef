#!/bin/sh
# Runtime image, as root: the user, its folders and the command.
#
# The folders are those into which Deployments mount ConfigMaps, Secrets and volumes; /app/state is
# the only one that the user may write to, for containers without a volume there. ROOT: another root
# folder. APP_UID, APP_GID: other numbers.
set -eu

ROOT=${ROOT:-}
VENV=${VENV:-/opt/argocd-image-updater}
APP_UID=${APP_UID:-1000}
APP_GID=${APP_GID:-1000}

add_line() {
    grep -qs "^${2%%:*}:" "$ROOT/etc/$1" || printf '%s\n' "$2" >>"$ROOT/etc/$1"
}

mkdir -p "$ROOT/etc" "$ROOT/usr/local/bin"
add_line group "argocd:x:$APP_GID:"
# ssh looks for ~/.ssh in the home that stands here, whatever HOME says.
add_line passwd "argocd:x:$APP_UID:$APP_GID:argocd-image-updater:/app:/usr/sbin/nologin"

mkdir -p "$ROOT/app/config/ssh" "$ROOT/app/config/tls" "$ROOT/app/.ssh" "$ROOT/app/ssh-keys" \
    "$ROOT/app/gpg-keys" "$ROOT/app/state"
chmod 0755 "$ROOT/app" "$ROOT/app/config" "$ROOT/app/config/ssh" "$ROOT/app/config/tls" \
    "$ROOT/app/.ssh" "$ROOT/app/ssh-keys" "$ROOT/app/gpg-keys"
chown "$APP_UID:$APP_GID" "$ROOT/app/state"
chmod 0700 "$ROOT/app/state"

ln -sf "$VENV/bin/argocd-image-updater" "$ROOT/usr/local/bin/argocd-image-updater"
