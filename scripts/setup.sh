#!/bin/sh
# Create the virtual environment with exactly the locked dependencies: setup.sh VENV LOCK
set -eu
venv=$1 lock=$2
python=$(command -v "${PYTHON:-python3.11}" || command -v python3 || true)
if [ -z "$python" ] || ! "$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; then
  echo "DCarbon needs Python 3.11; set PYTHON=/path/to/python3.11" >&2
  exit 1
fi
steadily() { "$python" scripts/steadily.py "$@"; }

echo "Setting up $venv (a minute or two the first time) ..."
[ -x "$venv/bin/python" ] || steadily "making $venv" "$python" -m venv "$venv"
steadily "installing the installer" \
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
steadily "installing $(grep -c '==' "$lock") packages" \
  "$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --require-hashes -r "$lock"
steadily "installing DCarbon" \
  "$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --no-deps \
  --build-constraints requirements/dev.txt -e .
