# Reads a Solaris node: by its guard where there is one, else what SMF and the kernel say.
# Arguments: root, live data path, ports, names, versions (ignored), then the services in start order.

set -u
root=$1 live=$2
shift 5
PATH=${root:+$root/bin:}/usr/gnu/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
library=$root/usr/local/lib/maestro-guard
if [ -x "$library/maestro-guard" ]; then
    bundle=''
    { read -r bundle <"$library/bundle"; } 2>/dev/null
    printf 'bundle=%s\n' "$bundle"
    "$library/maestro-guard" ${root:+--root "$root"} observe || exit
    exit 0
fi
word() { printf '%s\n' "$1" | sha256sum | cut -c1-32; }
up=$(kstat -p unix:0:system_misc:snaptime) at=$(kstat -p unix:0:system_misc:boot_time) host=$(hostid)
printf '%s\n' state=absent platform=Solaris "machine_id=$(word "host $host")" "boot_id=$(word "$host ${at##*[!0-9]}")" \
    "uptime_seconds=${up##*[!0-9.]}" holders= listeners= pins=
for unit; do
    line=$(svcs -H -o state,nstate "$unit" 2>/dev/null) || line='disabled -'
    case $line in online* | degraded* | offline* | uninitialized*) active=active ;; maintenance*) active=failed ;; *) active=inactive ;; esac
    printf 'unit.%s=%s/%s//\n' "$unit" "$active" "${line%% *}"
done
if [ -e "$live" ]; then printf 'replica.live=present\n'; else printf 'replica.live=absent\n'; fi
exit 0
