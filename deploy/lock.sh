#!/bin/sh
# Resolves the exact versions anew: deploy/requirements/main.txt and rasa.txt. torch stays out of main.txt (see torch.txt).
set -eu
cd "$(dirname "$0")/.."
find_links=""
for place in ${PIP_FIND_LINKS-}; do find_links="$find_links --find-links $place"; done
# shellcheck disable=SC2086
.venv/bin/uv pip compile pyproject.toml --extra dev -c deploy/requirements/torch.txt --python-version 3.11 \
    --no-header --no-annotate --quiet $find_links |
    grep -viE '^(torch|triton|nvidia-[a-z0-9-]+|cuda-[a-z0-9-]+)(==|$)' > deploy/requirements/main.txt
.venv/bin/uv pip compile deploy/requirements/rasa.in --python-version 3.10 --no-header --no-annotate --quiet \
    --output-file deploy/requirements/rasa.txt
