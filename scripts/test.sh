#!/bin/sh
# The checks: test.sh all | check | unit | integration | docs | browser
set -eu
venv=${VENV:-.venv}
bin=$venv/bin

# No check is silent for five seconds, on a terminal or in a log.
steadily() { "$bin/python" scripts/steadily.py "$@"; }

check() {
  steadily "checking the format" "$bin/ruff" format --check .
  steadily "linting" "$bin/ruff" check .
  steadily "checking the layers" "$bin/lint-imports"
  steadily "checking types" "$bin/mypy"
  # An empty home: Dagster would read the dagster.yaml of this folder, which wants its server.
  steadily "loading the Dagster definitions" env DAGSTER_HOME="$(mktemp -d)" \
    "$bin/dagster" definitions validate -m dcarbon_pipelines.definitions
}

tests() {
  steadily "running tests" "$bin/pytest" "$@"
}

# The tests of several workers skip themselves without these programs; in CI they fail instead.
engine() {
  if ! steadily "looking for redis-server and nginx" sh scripts/engine.sh; then
    echo "!!! THE TESTS OF SEVERAL WORKERS DO NOT RUN: redis-server or nginx is not here and could not be installed. !!!" >&2
    [ -z "${CI:-}" ] || exit 1
  fi
}

browser() {
  if ! steadily "looking for Chromium" sh scripts/chromium.sh; then
    echo "!!! THE BROWSER TESTS DID NOT RUN: Chromium is not here and could not be installed. !!!" >&2
    [ -z "${CI:-}" ] || exit 1
    return 0
  fi
  # The longest takes a minute: whoever is idle takes what waits behind it.
  tests -n 2 --dist worksteal tests/journeys
}

case ${1:-all} in
  check) check ;;
  unit) tests -n 2 tests/unit ;;
  integration) engine; tests -n 2 tests/integration ;;
  docs) tests tests/docs ;;
  browser) browser ;;
  all)
    check
    engine
    # More than there are processors: most of a test is waiting.
    tests -n 4 tests/unit tests/integration tests/docs
    # A process of their own: the running product of the journeys is no neighbour for other tests.
    browser
    ;;
  *) echo "usage: test.sh all|check|unit|integration|docs|browser" >&2; exit 2 ;;
esac
