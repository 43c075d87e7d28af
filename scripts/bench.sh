#!/bin/sh
# Run one benchmark (bench.sh NAME) or all. The rivals come from their own lock.
set -eu
venv=${VENV:-.venv}
# Those that can be run: the others hold what several of them share.
names() {
  for file in $(grep -l '^if __name__ == "__main__":' benchmarks/*.py); do basename "$file" .py; done
}
"$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --require-hashes -r requirements/bench.txt
if [ $# -gt 0 ]; then
  [ -f "benchmarks/$1.py" ] || { echo "There is no benchmark $1. There are:" >&2; names >&2; exit 2; }
  exec "$venv/bin/python" -m "benchmarks.$1"
fi
for name in $(names); do
  printf '\n== %s\n' "$name"
  "$venv/bin/python" -m "benchmarks.$name"
done
