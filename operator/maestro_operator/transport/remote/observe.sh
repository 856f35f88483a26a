# Reads a node in one round trip: by its guard where there is one, else by what any Linux has.
# Arguments: root, live data path, ports, public names, versions (each one word list), then the units in start order.
# A version is NAME:package:PACKAGE or NAME:file:PATH; what a file says is read as nobody, so it can be no secret.
# Among them, -:present:PATH asks whether a file is there and not empty, and nothing of what is in it.
# Prints key=value lines; a later line of the same key replaces an earlier one.

set -u
LC_ALL=C PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
root=$1 live=$2 ports=$3 names=$4 versions=$5
shift 5
guard=$root/usr/local/lib/maestro-guard/maestro-guard
folder=$root/etc/maestro-guard

show_units() {
    for unit; do
        systemctl show --property=ActiveState,SubState,UnitFileState,Result -- "$unit" 2>/dev/null | (
            ActiveState='' SubState='' UnitFileState='' Result=''
            while IFS='=' read -r key value; do
                case $key in
                    ActiveState) ActiveState=$value ;;
                    SubState) SubState=$value ;;
                    UnitFileState) UnitFileState=$value ;;
                    Result) Result=$value ;;
                esac
            done
            printf 'unit.%s=%s/%s/%s/%s\n' "$unit" "$ActiveState" "$SubState" "$UnitFileState" "$Result"
        )
    done
}
show_holders() {
    # Descriptors, working folders, roots, programs and maps of every process: what still could write.
    real=$(readlink -f "$live" 2>/dev/null) || real=$live
    held=$({
        find /proc/[0-9]*/cwd /proc/[0-9]*/root /proc/[0-9]*/exe /proc/[0-9]*/fd -maxdepth 1 \
            \( -lname "$real" -o -lname "$real/*" \) -print 2>/dev/null
        grep -lF " $real/" /proc/[0-9]*/maps 2>/dev/null
    } | cut -d/ -f3 | sort -nu | head -20 | tr '\n' ' ')
    printf 'holders=%s\n' "${held% }"
}
show_listeners() {
    open=
    for file in /proc/net/tcp /proc/net/tcp6; do
        [ -r "$file" ] || continue
        while read -r _ address _ state _; do
            [ "$state" = 0A ] || continue
            port=$((0x${address##*:}))
            case " $ports " in *" $port "*)
                case " $open " in *" $port "*) ;; *) open="$open $port" ;; esac ;;
            esac
        done <"$file"
    done
    printf 'listeners=%s\n' "${open# }"
}
show_pins() {
    pins=
    for name in $names; do
        address=$(getent ahostsv4 "$name" 2>/dev/null | { read -r first _ && printf '%s' "$first"; })
        pins="$pins $name:$address"
    done
    printf 'pins=%s\n' "${pins# }"
}

package_version() {
    if command -v dpkg-query >/dev/null; then
        timeout 3 dpkg-query -W -f='${db:Status-Status} ${Version}' -- "$1" | sed -n 's/^installed //p'
    else
        timeout 3 rpm -q --qf '%{VERSION}-%{RELEASE}\n' -- "$1"
    fi
}
file_version() { timeout 3 setpriv --reuid=65534 --regid=65534 --clear-groups head -c 200 -- "$1"; }
show_versions() {
    for word in $versions; do
        name=${word%%:*} what=${word#*:}
        case $what in present:*)
            path=${what#*:} there=absent
            if [ -f "$root$path" ] && [ -s "$root$path" ]; then there=present; fi
            printf 'file.%s=%s\n' "$path" "$there"
            continue ;;
        esac
        found=$({ case $what in
            package:*) package_version "${what#*:}" ;;
            file:*) file_version "$root${what#*:}" ;;
        esac; } 2>/dev/null </dev/null | head -n 1 | head -c 64 | tr -d '\r')
        case $found in '' | *[!A-Za-z0-9.+~:_\ -]*) continue ;; esac
        printf 'version.%s=%s\n' "$name" "$found"
    done
}

show_free() {
    place=$live
    while [ ! -d "$place" ]; do
        case $place in */*) place=${place%/*} ;; *) place='' && break ;; esac
    done
    stat -f -c '%a %S' -- "${place:-/}" 2>/dev/null | {
        read -r blocks size && printf 'disk_free_bytes=%s\n' "$((blocks * size))"
    }
}

show_memory() {
    while read -r key value _; do
        if [ "$key" = MemAvailable: ]; then printf 'memory_available_bytes=%s\n' "$((value * 1024))"; fi
    done </proc/meminfo
}

show_versions
show_memory
systemctl --version | { read -r _ version _ && printf 'systemd_version=%s\n' "$version"; }
if [ -x "$guard" ]; then
    known='' configured=''
    [ ! -r "$folder/peer_known_hosts" ] || read -r known <"$folder/peer_known_hosts"
    printf 'peer_known_hosts=%s\n' "$known"
    if [ -s "$folder/id_ed25519" ]; then printf 'own_key=yes\n'; fi
    bundle=''
    { read -r bundle <"${guard%/*}/bundle"; } 2>/dev/null
    printf 'bundle=%s\n' "$bundle"
    if [ -e "$folder/gates-pending" ]; then printf 'gates=deferred\n'; fi
    while IFS='=' read -r key value; do
        if [ "$key" = services ]; then configured=$value; fi
    done <"$folder/config" 2>/dev/null
    # For a standby whose live data is not there: what is free where it would be.
    show_free
    "$guard" ${root:+--root "$root"} observe || exit
    # A unit that was added to the spec since is not in the guard's own list yet.
    [ "$configured" = "$*" ] || show_units "$@"
    exit 0
fi
read -r machine_id <"$root/etc/machine-id"
read -r boot_id </proc/sys/kernel/random/boot_id
read -r uptime _ </proc/uptime
printf '%s\n' state=absent "machine_id=$machine_id" "boot_id=$boot_id" "uptime_seconds=$uptime"
show_units "$@"
show_holders
show_listeners
show_pins
show_free
if [ -e "$live" ]; then printf 'replica.live=present\n'; else printf 'replica.live=absent\n'; fi
exit 0
