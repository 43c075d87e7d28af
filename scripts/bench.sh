#!/bin/sh
# Run one benchmark (bench.sh NAME) or all. The rivals come from their own lock.
set -eu
venv=${VENV:-.venv}
# Those that can be run: the others hold what several of them share.
names() {
  for file in $(grep -l '^if __name__ == "__main__":' benchmarks/*.py); do basename "$file" .py; done
}
steadily() { "$venv/bin/python" scripts/steadily.py "$@"; }

steadily "installing the rivals" "$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --require-hashes -r requirements/bench.txt
if [ $# -gt 0 ]; then
  [ -f "benchmarks/$1.py" ] || { echo "There is no benchmark $1. There are:" >&2; names >&2; exit 2; }
  steadily "measuring $1" "$venv/bin/python" -m "benchmarks.$1"
  exit
fi
for name in $(names); do
  printf '\n== %s\n' "$name"
  steadily "measuring $name" "$venv/bin/python" -m "benchmarks.$name"
done
