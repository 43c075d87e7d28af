#!/bin/sh
# Resolve the dependencies of pyproject.toml into hashed locks that name no index.
set -eu
venv=${VENV:-.venv}
options="--generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links --python-version 3.11 --quiet"
[ -x "$venv/bin/python" ] || "${PYTHON:-python3.11}" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check uv
echo uv | "$venv/bin/uv" pip compile - $options -o requirements/uv.txt
"$venv/bin/uv" pip compile pyproject.toml $options -o requirements/runtime.txt
"$venv/bin/uv" pip compile pyproject.toml --extra dev $options -o requirements/dev.txt
"$venv/bin/uv" pip compile pyproject.toml --extra dev --extra bench $options -o requirements/bench.txt
"$venv/bin/uv" pip compile pyproject.toml --extra dev --extra mutation $options -o requirements/mutation.txt
"$venv/bin/uv" pip compile pyproject.toml --extra celery $options -o requirements/celery.txt
"$venv/bin/uv" pip compile pyproject.toml --extra kubernetes $options -o requirements/kubernetes.txt
