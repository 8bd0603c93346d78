#!/bin/sh
# `unshare --mount --net --pid --fork --mount-proc sh container.sh MODEL SOCKET SCRATCH PYTHON COMMAND...` becomes COMMAND as SageMaker would run it:
# MODEL read-only at /opt/ml/model, nothing else in /opt, port 8080 of its own and no network. /etc is a copy, since the
# toolkit writes its configuration there. SOCKET is a way in from outside: socket files don't care for networks.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
model=$1 socket=$2 scratch=$3 python=$4; shift 4
ip link set lo up
cp -a /etc "$scratch/etc"
mount --bind "$scratch/etc" /etc
mount -t tmpfs tmpfs /opt
mkdir -p /opt/ml/model
mount --bind "$model" /opt/ml/model
mount -o remount,ro,bind /opt/ml/model
! touch /opt/ml/model/writable 2>/dev/null
mkdir "$scratch/tmp"
export TMPDIR="$scratch/tmp" HOME="$scratch/tmp"
cd "$scratch/tmp"
"$python" "$here/relay.py" "$socket" 8080 &
exec "$@"
