#!/usr/bin/env bash
# Runs nginx in front of a static site and an application, with Gatehouse deciding about each request, until it is stopped.
# Needs no rights; what nginx writes is in a temporary folder that goes in the end.
set -euo pipefail
[ $# = 4 ] || {
    echo "usage: run.sh GATEHOUSE SITE APP PORT" >&2
    echo "GATEHOUSE and APP are HOST:PORT, SITE is a folder, PORT is where nginx listens on 127.0.0.1." >&2
    exit 2
}
gatehouse=$1 site=$(realpath "$2") app=$3 port=$4
here=$(realpath "$(dirname "$0")")
# Debian has it where only root looks.
PATH=$PATH:/usr/sbin

folder=$(mktemp -d)
nginx=
finish() {
    [ -z "$nginx" ] || { kill -TERM "$nginx" 2>/dev/null && wait "$nginx" || true; }
    rm -rf "$folder"
}
trap finish EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

sed -e "s|@GATEHOUSE@|$gatehouse|g; s|@SITE@|$site|g; s|@APP@|$app|g; s|@PORT@|$port|g" \
    -e "s|@FOLDER@|$folder|g; s|@HERE@|$here|g" "$here/nginx.conf.template" > "$folder/nginx.conf"
# Started by root, nginx reads the site as somebody else, unless told.
[ "$(id -u)" != 0 ] || sed -i '1i user root;' "$folder/nginx.conf"
nginx -e stderr -p "$folder" -c "$folder/nginx.conf" &
nginx=$!
wait "$nginx"
