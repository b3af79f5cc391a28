#!/bin/bash
# A real SLURM cluster of two virtual nodes on this host, for tests: `slurm.sh start`, `slurm.sh stop`.
# Needs root on a Debian-like system. Prints `export SLURM_CONF=…`; where it cannot run it says why and exits with 77.
set -euo pipefail

PLACE=/run/slurm-ci
TAG="# slurm-ci"
export SLURM_CONF=$PLACE/slurm.conf

cannot() {
    echo "$1" >&2
    exit 77
}

install_slurm() {
    command -v slurmctld >/dev/null && command -v slurmd >/dev/null && command -v munged >/dev/null && return
    command -v apt-get >/dev/null || cannot "SLURM is not installed, and there is no apt-get to install it"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update && apt-get install -y --no-install-recommends slurmctld slurmd slurm-client munge; } \
        >/tmp/slurm-ci-install.log 2>&1 || cannot "apt-get does not install SLURM: $(tail -n1 /tmp/slurm-ci-install.log)"
}

configure() {
    mkdir -p $PLACE/{state,dev,spool.node1,spool.node2}
    touch $PLACE/jobcomp.log
    for i in 0 1 2 3 4 5 6 7; do # SLURM wants a character device for each GPU
        [ -e $PLACE/dev/gpu$i ] || mknod -m 666 $PLACE/dev/gpu$i c 1 3 || cannot "mknod is not allowed here"
    done
    grep -q "$TAG" /etc/hosts || echo "127.0.0.1 slurmctl node1 node2 $TAG" >>/etc/hosts || cannot "/etc/hosts cannot be changed"
    echo "CgroupPlugin=cgroup/v1" >$PLACE/cgroup.conf
    echo "NodeName=node[1-2] Name=gpu File=$PLACE/dev/gpu[0-7]" >$PLACE/gres.conf
    sed "s/HOST/$(hostname -s)/; s#PLACE#$PLACE#" "$(dirname "$0")/slurm.conf" >$SLURM_CONF
}

start() {
    if [ -e $SLURM_CONF ] && sinfo >/dev/null 2>&1; then
        echo "export SLURM_CONF=$SLURM_CONF" # it runs already
        return
    fi
    [ "$(id -u)" = 0 ] || cannot "starting SLURM's daemons needs root"
    install_slurm
    configure
    install -d -o munge -g munge -m 0755 /run/munge
    [ -s /run/munge/munged.pid ] && kill -0 "$(cat /run/munge/munged.pid)" 2>/dev/null ||
        setpriv --reuid=munge --regid=munge --clear-groups /usr/sbin/munged
    unshare --uts sh -c "hostname slurmctl && exec slurmctld" || cannot "slurmctld does not start: $(tail -n1 $PLACE/slurmctld.log)"
    slurmd -N node1
    slurmd -N node2
    for _ in $(seq 60); do
        [ "$(sinfo --noheader --Node --partition=cpu --format=%t 2>/dev/null | sort -u)" = idle ] &&
            echo "export SLURM_CONF=$SLURM_CONF" && return
        sleep 0.5
    done
    cannot "the nodes do not come up: $(sinfo --noheader --Node --format='%N %T %E' 2>&1 | tr '\n' ';')"
}

stop() {
    squeue --noheader --format=%i 2>/dev/null | xargs -r scancel 2>/dev/null || true
    for file in $PLACE/slurmd.node{1,2}.pid $PLACE/slurmctld.pid /run/munge/munged.pid; do
        [ -s $file ] && kill "$(cat $file)" 2>/dev/null || true
    done
    sleep 1
    grep -v "$TAG" /etc/hosts >/tmp/slurm-ci-hosts && cat /tmp/slurm-ci-hosts >/etc/hosts # a container's cannot be replaced
    rm -rf $PLACE
}

case "${1:-}" in
    start) start ;;
    stop) stop ;;
    *) echo "usage: $0 start|stop" >&2 && exit 2 ;;
esac
