#!/bin/sh
# Make sure redis-server and nginx are here; install the distribution's where we may.
set -u
# nginx lies in a folder that only root has on its path.
PATH=$PATH:/usr/sbin:/sbin
here() { command -v redis-server >/dev/null 2>&1 && command -v nginx >/dev/null 2>&1; }
here && exit 0
[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || exit 1
echo "Installing redis-server and nginx ..."
apt-get update -qq >/dev/null 2>&1
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server nginx-light >/dev/null 2>&1
# The packages start servers of their own. Ours are others, with ports and files of their own.
command -v systemctl >/dev/null 2>&1 && systemctl disable --now redis-server nginx >/dev/null 2>&1
here
