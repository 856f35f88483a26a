# Gives one order to the guard, and puts on the gates that had to wait for a permit.
# Arguments: root, then the guard's words.

set -u
root=$1
shift
library=$root/usr/local/lib/maestro-guard
[ -x "$library/maestro-guard" ] || { printf 'absent=yes\n'; exit 13; }
"$library/maestro-guard" ${root:+--root "$root"} "$@" || exit
if [ -e "$root/etc/maestro-guard/gates-pending" ]; then "$library/gate" ${root:+"$root"} || exit 12; fi
exit 0
