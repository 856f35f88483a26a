#!/bin/sh
# Takes off a node everything that was installed for a pair: units, gates, keys, pins, state, programs, in that order.
# Arguments: root, the pair's uid, then what the node is: owner or standby.
# No service is stopped or started. The owner's are enabled again as they were found; the standby's stay disabled, since
# nothing keeps the two nodes apart from here on. Data stays: live data, copies and what was kept aside.
# Cut off anywhere, it is repeated: the guard's program goes last, and while it is there the node is not released.

set -u
LC_ALL=C PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
umask 077
root=$1 wanted=$2 role=$3
library=$root/usr/local/lib/maestro-guard
folder=$root/etc/maestro-guard
state=$root/var/lib/maestro-guard
units=$root/etc/systemd/system
keys=$root/root/.ssh/authorized_keys
hosts=$root/etc/hosts

unstored() { printf '%s\n' unstored=WriteFailed "message=could not write $1"; exit 12; }
refuse() { printf '%s\n' "refused=$1" "message=$2"; exit 10; }
case $role in owner | standby) ;; *) refuse BadRole "a node is owner or standby" ;; esac

exec 9>"$root/run/maestro-equip.lock" && flock -w 20 9 || unstored "$root/run/maestro-equip.lock"
pair='' services='' live=''
while IFS='=' read -r name value; do
    case $name in pair) pair=$value ;; services) services=$value ;; live) live=$value ;; esac
done 2>/dev/null <"$folder/config"
stored=$(sed -n 's/^pair=//p' "$state/slot0" 2>/dev/null | head -n 1)
for found in "$pair" "$stored"; do
    [ -z "$found" ] || [ "$found" = "$wanted" ] || refuse ForeignPair "this node belongs to pair $found"
done
if [ "$role" = standby ]; then
    for unit in $services; do
        case $(systemctl show --property=ActiveState --value -- "$unit") in
            inactive | failed) ;;
            *) refuse StillRunning "$unit runs on what should be the standby" ;;
        esac
    done
fi

systemctl --quiet disable --now maestro-guard.service maestro-replica.timer 2>/dev/null
systemctl stop maestro-replica.service maestro-backup.service 2>/dev/null
for dropin in "$units"/*.d/50-maestro-guard.conf; do
    [ -e "$dropin" ] || continue
    rm -f "$dropin" || unstored "$dropin"
    rmdir "${dropin%/*}" 2>/dev/null
done
systemctl daemon-reload
enabled=
if [ "$role" = owner ]; then
    for unit in $services; do
        case $(sed -n "s/^$unit=//p" "$folder/found" 2>/dev/null | head -n 1) in
            enabled) systemctl --quiet enable -- "$unit" && enabled="$enabled $unit" ;;
            enabled-runtime) systemctl --quiet --runtime enable -- "$unit" && enabled="$enabled $unit" ;;
        esac || { printf 'failed=enable %s\n' "$unit"; exit 1; }
    done
fi
if [ -e "$keys" ]; then
    mark=" maestro-guard:$wanted"
    awk -v mark="$mark" 'substr($0, length($0) - length(mark) + 1) != mark' "$keys" >"$keys.new" || unstored "$keys"
    if cmp -s "$keys.new" "$keys"; then
        rm -f "$keys.new"
    else
        chmod --reference="$keys" "$keys.new" && chown --reference="$keys" "$keys.new" && sync "$keys.new" &&
            mv -f "$keys.new" "$keys" || unstored "$keys"
        # One that held nothing else was made for this.
        if [ ! -s "$keys" ]; then rm -f "$keys"; fi
    fi
fi
if grep -qs '^# maestro-guard: begin$' "$hosts"; then
    sed '/^# maestro-guard: begin$/,/^# maestro-guard: end$/d' "$hosts" >"$hosts.new" &&
        chmod --reference="$hosts" "$hosts.new" && chown --reference="$hosts" "$hosts.new" && sync "$hosts.new" &&
        mv -f "$hosts.new" "$hosts" || unstored "$hosts"
fi
for unit in maestro-guard.service maestro-backup.service maestro-replica.service maestro-replica.timer maestro-replica.timer.d; do
    rm -rf "${units:?}/$unit" || unstored "$units/$unit"
done
systemctl daemon-reload
systemctl reset-failed maestro-guard.service maestro-replica.service maestro-replica.timer 2>/dev/null
# What was copied and kept aside stays, under another name: its numbers are of this pair's epochs, and a pair that comes
# later begins anew with its own, which would all be too low.
store=${live%/*}/.maestro-replica left=
if [ -n "$live" ] && [ -e "$root$store" ]; then
    left=$store.released-$(date +%Y%m%d%H%M%S)
    mv -T "$root$store" "$root$left" || unstored "$root$left"
    sync -f "$root${live%/*}" 2>/dev/null
fi
rm -rf "$root/run/maestro-guard" "$root/run/maestro-hosts.lock" "$state" "$state.new" "$folder" || unstored "$state"
for file in "$library"/* "$library"; do
    case $file in */maestro-guard/maestro-guard) ;; "$library") ;; *) rm -rf "$file" ;; esac
done
rm -rf "$library" "$root/run/maestro-equip.lock" || unstored "$library"
sync -f "$units" 2>/dev/null
printf '%s\n' released=yes "enabled=${enabled# }" "left=$left"
