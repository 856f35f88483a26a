# Stops the services in reverse order, by the guard where there is one, and lets the node be read afterwards.
# Arguments: root, then the units in start order.
# The guard's own list may be older than the spec; what it does not know is stopped here.

set -u
LC_ALL=C PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
root=$1
shift
guard=$root/usr/local/lib/maestro-guard/maestro-guard
if [ -x "$guard" ]; then "$guard" ${root:+--root "$root"} stop >&2; fi
reversed=
for unit; do reversed="$unit $reversed"; done
for unit in $reversed; do
    case $(systemctl show --property=ActiveState --value -- "$unit") in
        inactive | failed) ;;
        *) systemctl stop -- "$unit" >&2 ;;
    esac
done
exit 0
