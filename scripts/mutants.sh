#!/bin/sh
# Try the modules of the domain that are named, or all (mutants.sh NAME...). Cosmic Ray comes from its own lock.
set -eu
venv=${VENV:-.venv}
"$venv/bin/python" scripts/steadily.py "installing Cosmic Ray" \
  "$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --require-hashes -r requirements/mutation.txt
"$venv/bin/python" scripts/steadily.py "trying the changes" "$venv/bin/python" scripts/mutants.py "$@"
