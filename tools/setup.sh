#!/bin/sh
# Prepare .venv: a Python >= 3.11, the pinned uv in it, and what uv.lock names.
#
# Does nothing when .venv already answers to pyproject.toml, uv.lock, this script and this folder: a
# stamp inside .venv holds their checksums. An interrupted run leaves no stamp and is repeated.
# PYTHON=/path/to/python3 picks the interpreter; otherwise the first fitting one on PATH is taken.
set -eu

UV_VERSION=0.13.9
cd "$(dirname "$0")/.."
VENV=$PWD/.venv
STAMP=$VENV/.ready

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$@"; exit 1; }

fingerprint() {
    cksum pyproject.toml uv.lock tools/setup.sh
    printf '%s\n' "$PWD"
}

is_ready() {
    [ -f "$STAMP" ] && [ -x "$VENV/bin/python" ] && [ -x "$VENV/bin/argocd-image-updater" ] \
        && [ "$(cat "$STAMP")" = "$(fingerprint)" ]
}

# google-re2 has no wheel for Python 3.15 yet, hence the upper bound.
is_fitting() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' >/dev/null 2>&1
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        is_fitting "$PYTHON" || fail "PYTHON=$PYTHON is not a working Python 3.11 to 3.14"
        printf '%s\n' "$PYTHON"
        return
    fi
    for candidate in python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3; do
        if command -v "$candidate" >/dev/null 2>&1 && is_fitting "$candidate"; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    fail "no Python 3.11 to 3.14 found on PATH. Install one (Debian: apt-get install python3" \
        "python3-venv) or name it: make setup PYTHON=/path/to/python3"
}

# Debian splits venv and pip off python3; as root the missing package is fetched.
need_venv_module() {
    "$1" -c 'import ensurepip, venv' >/dev/null 2>&1 && return
    package=$("$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        say "installing $package"
        apt-get update -qq </dev/null
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
            "$package" </dev/null >/dev/null
    else
        fail "$1 has no venv module. Install it (Debian: apt-get install $package) and try again"
    fi
}

prepare() {
    python=$(find_python)
    need_venv_module "$python"
    rm -f "$STAMP"
    # A folder that was moved or whose Python went away is made anew; anything else is kept.
    if ! is_fitting "$VENV/bin/python" || ! "$VENV/bin/pip" --version >/dev/null 2>&1; then
        say "making .venv with $("$python" --version)"
        rm -rf "$VENV"
        "$python" -m venv "$VENV"
    fi
    say "installing what uv.lock names"
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$UV_VERSION" </dev/null
    # The variables of another active environment must not redirect the installation.
    env -u VIRTUAL_ENV -u UV_PYTHON UV_PROJECT_ENVIRONMENT="$VENV" UV_PYTHON_DOWNLOADS=never \
        "$VENV/bin/uv" sync --quiet --frozen --group dev </dev/null
    fingerprint >"$STAMP"
    say "ready: .venv/bin/argocd-image-updater"
}

is_ready || prepare
