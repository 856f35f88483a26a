# Installs the guard from a tar on standard input: every file by rename, and only where it differs.
# Arguments: root, then the services. Never stops or starts any of them; what does not run is disabled for good.
# Prints key=value lines; exit 10 refused, 12 not stored, 1 failed.

set -u
root=$1
shift
PATH=${root:+$root/bin:}/usr/gnu/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
umask 022
library=$root/usr/local/lib/maestro-guard
folder=$root/etc/maestro-guard

unstored() { printf '%s\n' unstored=WriteFailed "message=$1"; exit 12; }
refused() { printf '%s\n' "refused=$1" "message=$2"; exit 10; }

for unit; do
    svcs -H -o state "$unit" >/dev/null 2>&1 || refused UnitNotFound "there is no service $unit on this node"
done
stage=$(mktemp -d "$root/var/run/maestro-equip.XXXXXX") || unstored "no room in /var/run"
trap 'rm -rf "$stage"' EXIT
tar -x -C "$stage" -f - || unstored "the archive did not arrive whole"
case $(sh "$stage/usr/local/lib/maestro-guard/maestro-guard" ${root:+--root "$root"} show) in
    *state=newer*) refused StateNewer "the guard's state on this node was written by a newer guard: upgrade the operator" ;;
esac
put() { # path below the root
    to=$root/$1
    if cmp -s "$stage/$1" "$to"; then return; fi
    mkdir -p "${to%/*}" && cp -p "$stage/$1" "$to.new" && sync "$to.new" && mv -f "$to.new" "$to" || unstored "could not write $to"
}
for path in usr/local/lib/maestro-guard/maestro-guard etc/maestro-guard/config lib/svc/manifest/site/maestro-guard.xml; do put "$path"; done
chmod 0700 "$folder"
key=$("$library/maestro-guard" ${root:+--root "$root"} keygen) || { printf '%s\n' "$key"; exit 1; }
svccfg import "$root/lib/svc/manifest/site/maestro-guard.xml" || { printf 'failed=Import\n'; exit 1; }
gates=installed
for unit; do
    case $(svcs -H -o state "$unit") in
        # Without -t: for good. What runs is disabled for good by the order that gives it its permit.
        disabled | maintenance) svcadm disable "$unit" || { printf 'failed=Disable\n'; exit 1; } ;;
        *) gates=deferred ;;
    esac
done
put usr/local/lib/maestro-guard/bundle
printf '%s\n' "$key" "gates=$gates"
