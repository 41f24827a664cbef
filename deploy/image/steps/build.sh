#!/bin/sh
# Build image: the program with exactly the dependencies of uv.lock, in a folder of its own.
#
# SOURCE: the checkout, of which pyproject.toml, uv.lock, README.md, LICENSE, src/ and tools/setup.sh
# are used; WORK: for what is thrown away; VENV: the result, which is not moved afterwards. COMMIT and
# DATE (RFC 3339) are what `version` tells. UV: a uv that is there already.
set -eu

SOURCE=${SOURCE:-/build/source}
WORK=${WORK:-/build/work}
VENV=${VENV:-/opt/argocd-image-updater}
PYTHON=${PYTHON:-python3}

# The variables of another environment must not redirect the installation.
unset VIRTUAL_ENV UV_PROJECT
export UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy UV_NO_PROGRESS=1
export UV_CACHE_DIR="${UV_CACHE_DIR:-$WORK/cache}"
PYTHON=$(command -v "$PYTHON")
export UV_PYTHON="$PYTHON"
mkdir -p "$WORK"

if [ -z "${UV:-}" ]; then
    version=$(sed -n 's/^UV_VERSION=//p' "$SOURCE/tools/setup.sh")
    "$PYTHON" -m venv "$WORK/uv"
    "$WORK/uv/bin/pip" install --quiet --disable-pip-version-check "uv==$version"
    UV=$WORK/uv/bin/uv
fi

if [ -n "${COMMIT:-}" ]; then
    printf '"""Made by the build of the image."""\n\nCOMMIT = "%s"\nDATE = "%s"\n' \
        "$COMMIT" "${DATE:-1970-01-01T00:00:00Z}" >"$SOURCE/src/argocd_image_updater/_build.py"
fi

sync() {
    folder=$1
    shift
    UV_PROJECT_ENVIRONMENT=$folder "$UV" sync --quiet --frozen --no-install-project \
        --project "$SOURCE" "$@"
}

# Compiled here, because nothing can be written where it runs.
# With all extras: nobody can install one where it runs.
sync "$VENV" --no-dev --all-extras --compile-bytecode
sync "$WORK/tools" --only-group build
"$UV" build --quiet --wheel --no-build-isolation --python "$WORK/tools/bin/python" \
    --out-dir "$WORK/dist" "$SOURCE"
"$UV" pip install --quiet --no-deps --compile-bytecode --python "$VENV/bin/python" "$WORK"/dist/*.whl
