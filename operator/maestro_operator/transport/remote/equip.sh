# Installs the guard from a tar on standard input: every file by rename, and only where it differs.
# Arguments: root, then the services' units. Never stops, starts or restarts any of them.
# Prints key=value lines; exit 10 refused, 12 not stored, 1 failed.

set -u
LC_ALL=C PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
umask 022
root=$1
shift
library=$root/usr/local/lib/maestro-guard
folder=$root/etc/maestro-guard

unstored() { printf '%s\n' unstored=WriteFailed "message=$1"; exit 12; }
failed() { printf '%s\n' "failed=$1" "message=$2"; exit 1; }
missing() { printf '%s\n' "refused=$1" "message=$2"; exit 10; }

# Two leaders may be at it at once; the second finds everything done.
exec 9>"$root/run/maestro-equip.lock" && flock -w 20 9 || unstored "another installation does not end"
for unit; do
    [ "$(systemctl show --property=LoadState --value -- "$unit")" != not-found ] ||
        missing UnitNotFound "there is no unit $unit on this node"
done
stage=$(mktemp -d "$root/run/maestro-equip.XXXXXX") || unstored "no room in /run"
trap 'rm -rf "$stage"' EXIT
trap 'exit 1' TERM INT HUP
tar -x --no-same-owner -C "$stage" -f - || unstored "the archive did not arrive whole"

# A guard of a later form of state must not be taken off its own state.
case $(sh "$stage/usr/local/lib/maestro-guard/maestro-guard" ${root:+--root "$root"} show) in
    *state=newer*) missing StateNewer "the guard's state on this node was written by a newer guard: upgrade the operator" ;;
esac

changed=
put() { # path below the root
    to=$root/$1
    if cmp -s "$stage/$1" "$to" && [ "$(stat -c %a "$stage/$1")" = "$(stat -c %a "$to")" ]; then return; fi
    mkdir -p "${to%/*}" && cp -p "$stage/$1" "$to.new" && sync "$to.new" && mv -f "$to.new" "$to" ||
        unstored "could not write $to"
    changed="$changed $1"
}
find "$stage" -type f -printf '%P\n' | sort >"$stage.list" || unstored "no room in /run"
while read -r path; do
    case $path in */bundle) ;; *) put "$path" ;; esac
done <"$stage.list"
rm -f "$stage.list"
chmod 0700 "$folder"

case $changed in *etc/systemd/system/*) systemctl daemon-reload || failed DaemonReload "systemctl daemon-reload failed" ;; esac
gates=$("$library/gate" ${root:+"$root"}) || { printf '%s\n' "$gates"; failed Gate "the gates could not be installed"; }
key=$("$library/maestro-guard" ${root:+--root "$root"} keygen) || { printf '%s\n' "$key"; failed Keygen "the node's key could not be made"; }
# Not waited for: after a boot the guard's unit asks the peer before it calls itself ready.
systemctl --quiet enable maestro-guard.service maestro-replica.timer || failed Enable "could not enable the guard's units"
case $changed in
    *usr/local/lib/* | *etc/*) systemctl --no-block restart maestro-guard.service maestro-replica.timer ;;
    *) systemctl --no-block start maestro-guard.service maestro-replica.timer ;;
esac || failed Start "could not start the guard's units"
# Last, since it says that all of the above is done.
if [ -e "$stage/usr/local/lib/maestro-guard/bundle" ]; then put usr/local/lib/maestro-guard/bundle; fi
printf '%s\n' "$key" "$gates" "changed=${changed# }"
