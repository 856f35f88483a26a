#!/bin/sh
# Moves a running virtual machine to another host while it runs on, by libvirt itself: the two daemons do it, so that a
# cut session changes nothing. Where it fails the machine runs on here.
# Arguments: root, the machine's UUID, the URI of the other host's libvirt.

set -u
LC_ALL=C PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
uuid=$2 uri=$3
ask() { virsh --quiet --connect qemu:///system "$@"; }

state=$(ask domstate "$uuid") || exit 1
if [ "$state" != running ]; then
    printf '%s\n' refused=NotRunning "message=the machine is $state here, and only a running one is moved"
    exit 10
fi
case $(ask domjobinfo "$uuid") in
    *None*) ;;
    *) printf '%s\n' under_way=yes; exit 0 ;;
esac
ask migrate --live --p2p --persistent --undefinesource "$uuid" "$uri" >&2 || exit 1
printf '%s\n' moved=yes
