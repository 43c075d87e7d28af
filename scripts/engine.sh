#!/bin/sh
# Make sure redis-server and nginx are here; install what is missing from the distribution where we may.
set -u
# nginx lies in a folder that only root has on its path.
PATH=$PATH:/usr/sbin:/sbin
here() { command -v "$1" >/dev/null 2>&1; }
packages= services=
here redis-server || { packages=redis-server; services=redis-server; }
here nginx || { packages="$packages nginx-light"; services="$services nginx"; }
[ -n "$packages" ] || exit 0
[ "$(id -u)" = 0 ] && here apt-get || exit 1
echo "Installing $(echo $packages) ..."
apt-get update -qq >/dev/null 2>&1
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null 2>&1
# The packages start servers of their own; ours are others, with ports and files of their own. A
# server that was here before is somebody's: it is left as it is.
here systemctl && systemctl disable --now $services >/dev/null 2>&1
here redis-server && here nginx
