#!/bin/sh
# Makes the two Python environments, .venv and .venv-rasa. What is missing is named before anything is downloaded.
# Nothing changed: does nothing. Settings: PYTHON, PYTHON310 (interpreters), TORCH_BACKEND (cpu, or empty for PyPI's torch).
set -eu
cd "$(dirname "$0")/.."

uv_version=0.13.9
torch_backend=${TORCH_BACKEND-cpu}

fail() { printf 'error: %s\n' "$1" >&2; exit 1; }

# The first of the named interpreters that really runs (a pyenv shim may be there and not run) and is of the wanted version.
find_python() { # wanted-test candidate...
    wanted=$1; shift
    for candidate in "$@"; do
        if found=$("$candidate" -c "import sys, venv; assert $wanted; print(sys.executable)" 2>/dev/null); then
            printf '%s\n' "$found"; return 0
        fi
    done
    return 1
}

pyenv_root=${PYENV_ROOT:-$HOME/.pyenv}
main_python=$(find_python 'sys.version_info[:2] in [(3, 11), (3, 12), (3, 13)]' \
    ${PYTHON:+"$PYTHON"} python3.11 python3.12 python3.13 python3 "$pyenv_root"/versions/3.1[123]*/bin/python) ||
    fail "Python 3.11, 3.12 or 3.13 with venv: not found. Install one (Debian: apt-get install python3 python3-venv), or name it: make run PYTHON=/path/to/python3.11"
rasa_python=$(find_python 'sys.version_info[:2] == (3, 10)' \
    ${PYTHON310:+"$PYTHON310"} python3.10 "$pyenv_root"/versions/3.10*/bin/python \
    "${XDG_DATA_HOME:-$HOME/.local/share}"/uv/python/cpython-3.10*/bin/python3.10) ||
    fail "Python 3.10: not found. Rasa 3.6 runs on no later one. Install it beside yours (pyenv install 3.10, or: pip install uv && uv python install 3.10), or name it: make run PYTHON310=/path/to/python3.10"

# uv does not read PIP_FIND_LINKS; its folders may hold the CPU build of torch.
find_links=""
for place in ${PIP_FIND_LINKS-}; do find_links="$find_links --find-links $place"; done
case $(ls ${PIP_FIND_LINKS-/nonexistent} 2>/dev/null | grep -c '^torch-.*cpu' || true) in
    0) torch_flags=${torch_backend:+--torch-backend $torch_backend} ;;
    *) torch_flags="" ;;
esac

# install ENVIRONMENT PYTHON LOCKFILES -- uv arguments; skipped when the lock files and the interpreter are those of the last time.
stamp_of() { { "$1" --version; shift; cat "$@"; } | cksum | tr ' ' '-'; }

main_stamp=$(stamp_of "$main_python" pyproject.toml deploy/requirements/main.txt deploy/requirements/torch.txt deploy/setup.sh)
if [ "$(cat .venv/.installed 2>/dev/null || true)" != "$main_stamp" ]; then
    echo "Installing .venv ($main_python)"
    [ -x .venv/bin/python ] || "$main_python" -m venv .venv
    [ "$(.venv/bin/uv --version 2>/dev/null | cut -d' ' -f2)" = "$uv_version" ] ||
        .venv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$uv_version"
    # shellcheck disable=SC2086 # flags are several words
    .venv/bin/uv pip install --quiet --python .venv/bin/python -r pyproject.toml --extra dev \
        -c deploy/requirements/main.txt -c deploy/requirements/torch.txt $find_links $torch_flags ||
        fail "installing .venv failed. If the CPU build of torch cannot be reached, use PyPI's larger one: make run TORCH_BACKEND="
    echo "$main_stamp" > .venv/.installed
fi
rasa_stamp=$(stamp_of "$rasa_python" deploy/requirements/rasa.txt deploy/setup.sh)
if [ "$(cat .venv-rasa/.installed 2>/dev/null || true)" != "$rasa_stamp" ]; then
    echo "Installing .venv-rasa ($rasa_python)"
    [ -x .venv-rasa/bin/python ] || .venv/bin/uv venv --quiet --python "$rasa_python" .venv-rasa
    .venv/bin/uv pip install --quiet --python .venv-rasa/bin/python -r deploy/requirements/rasa.txt ||
        fail "installing .venv-rasa failed; the lines above say why. Nothing else was changed."
    echo "$rasa_stamp" > .venv-rasa/.installed
fi
