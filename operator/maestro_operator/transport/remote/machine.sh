#!/bin/sh
# Reads of a host whether it has a virtual machine and how that stands, in libvirt's own word; changes nothing.
# Arguments: root, the machine's UUID.
# A host whose libvirt does not answer says nothing of the machine, and ends with an error.

set -u
LC_ALL=C PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
root=$1 uuid=$2
ask() { virsh --quiet --connect qemu:///system "$@"; }

known=$(ask list --all --uuid) || exit 1
state=absent
if printf '%s\n' "$known" | grep -qxF -- "$uuid"; then state=$(ask domstate "$uuid") || exit 1; fi
read -r machine_id <"$root/etc/machine-id"
read -r boot_id </proc/sys/kernel/random/boot_id
read -r uptime_seconds _ </proc/uptime
printf '%s\n' "machine_id=$machine_id" "boot_id=$boot_id" "uptime_seconds=$uptime_seconds" "machine=$state"
