# Sourced by ./demo, ./test and .ci/run: makes .venv from the lock with nothing but Python 3.11+ and a network.
# Sets ROOT and puts .venv/bin first on PATH.
ROOT=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd -P)

find_python() {
    for candidate in python3.11 python3.12 python3.13 python3.14 python3 python; do
        if command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return 0
        fi
    done
    echo "ERROR: Python 3.11 to 3.14 was not found on PATH. Install one of them and run this again." >&2
    return 1
}

bootstrap() {
    stamp="$ROOT/.venv/.synced"
    if [ -e "$stamp" ] && [ "$stamp" -nt "$ROOT/uv.lock" ] && [ "$stamp" -nt "$ROOT/pyproject.toml" ]; then
        return 0
    fi
    python=$(find_python) || return 1
    if command -v uv >/dev/null 2>&1; then
        uv=uv
    else
        if [ ! -x "$ROOT/.tools/bin/uv" ]; then
            echo "Setting up: the package installer (once) ..." >&2
            "$python" -m venv "$ROOT/.tools" &&
                "$ROOT/.tools/bin/python" -m pip install --quiet --disable-pip-version-check "uv>=0.9" || return 1
        fi
        uv="$ROOT/.tools/bin/uv"
    fi
    echo "Setting up: the locked environment in .venv (once) ..." >&2
    # The system's certificates are used, because companies often inspect their traffic.
    (cd "$ROOT" && UV_SYSTEM_CERTS=1 UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy "$uv" sync --quiet --frozen --python "$python") || {
        echo "ERROR: the environment could not be installed. Check that the package index can be reached, then run this again." >&2
        return 1
    }
    touch "$stamp"
}

bootstrap || exit 1
PATH="$ROOT/.venv/bin:$PATH"
export PATH
