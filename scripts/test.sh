#!/bin/sh
# The checks: test.sh all | check | unit | integration | browser
set -eu
venv=${VENV:-.venv}
bin=$venv/bin

check() {
  "$bin/ruff" format --check .
  "$bin/ruff" check .
  "$bin/lint-imports"
  "$bin/mypy"
  # An empty home: Dagster would read the dagster.yaml of this folder, which wants its server.
  DAGSTER_HOME=$(mktemp -d) "$bin/dagster" definitions validate -m dcarbon_pipelines.definitions
}

tests() {
  "$bin/pytest" "$@"
}

browser() {
  if ! sh scripts/chromium.sh; then
    echo "!!! THE BROWSER TESTS DID NOT RUN: Chromium is not here and could not be installed. !!!" >&2
    [ -z "${CI:-}" ] || exit 1
    return 0
  fi
  tests -n 2 tests/journeys
}

case ${1:-all} in
  check) check ;;
  unit) tests -n 2 tests/unit ;;
  integration) tests -n 2 tests/integration ;;
  browser) browser ;;
  all)
    check
    tests -n 3 tests/unit tests/integration
    # A process of their own: the running product of the journeys is no neighbour for other tests.
    browser
    ;;
  *) echo "usage: test.sh all|check|unit|integration|browser" >&2; exit 2 ;;
esac
