#!/bin/sh
# Installs the gates of the services: drop-ins that ask the guard, and units that stay disabled.
# A gate is put on only where the services are stopped or permitted: it must never be what stops them.
# The services are those of the guard's configuration. Prints gates=installed or gates=deferred.

set -u
LC_ALL=C PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
root=${1:-}
library=$root/usr/local/lib/maestro-guard
folder=$root/etc/maestro-guard
units=$root/etc/systemd/system

services=
while IFS='=' read -r key value; do
    if [ "$key" = services ]; then services=$value; fi
done <"$folder/config"

runs=no
for unit in $services; do
    case $(systemctl show --property=ActiveState --value -- "$unit") in
        inactive | failed) ;;
        *) runs=yes ;;
    esac
done
if [ "$runs" = yes ] && ! "$library/maestro-guard" ${root:+--root "$root"} may-run >/dev/null 2>&1; then
    : >"$folder/gates-pending" || exit 12
    printf 'gates=deferred\n'
    exit 0
fi
changed=no
for unit in $services; do
    dropin=$units/$unit.d/50-maestro-guard.conf
    if ! cmp -s "$library/gate.conf" "$dropin"; then
        mkdir -p "${dropin%/*}" && cp "$library/gate.conf" "$dropin.new" && chmod 0644 "$dropin.new" &&
            mv -f "$dropin.new" "$dropin" || { printf 'unstored=%s\n' "$dropin"; exit 12; }
        changed=yes
    fi
done
if [ "$changed" = yes ]; then systemctl daemon-reload || { printf 'failed=daemon-reload\n'; exit 1; }; fi
for unit in $services; do
    state=$(systemctl show --property=UnitFileState --value -- "$unit")
    # What was found first is what a release gives back.
    if ! grep -qs "^$unit=" "$folder/found"; then
        printf '%s=%s\n' "$unit" "$state" >>"$folder/found" && sync "$folder/found" || { printf 'unstored=%s\n' "$folder/found"; exit 12; }
    fi
    case $state in
        enabled | enabled-runtime | linked | linked-runtime | alias | indirect)
            systemctl --quiet disable -- "$unit" || { printf 'failed=disable %s\n' "$unit"; exit 1; } ;;
    esac
done
rm -f "$folder/gates-pending"
sync -f "$units" 2>/dev/null
printf 'gates=installed\n'
