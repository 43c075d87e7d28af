#!/bin/sh
# Make sure a Chromium for the journeys is here; install the distribution's where we may.
set -u
command -v chromium >/dev/null 2>&1 && exit 0
[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || exit 1
echo "Installing Chromium for the browser tests ..."
apt-get update -qq >/dev/null 2>&1
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null 2>&1
command -v chromium >/dev/null 2>&1
