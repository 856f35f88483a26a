# Makes names resolve to addresses on the node, in a part of its hosts file that is ours alone.
# Arguments: root, then NAME=ADDRESS words; without any, the part is taken out.
# Every other byte of the file is kept; the part stands first, since the first match wins.
# Prints pins=NAME:ADDRESS words as the node resolves them now.

set -u
LC_ALL=C PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
root=$1
shift
hosts=$root/etc/hosts
begin='# maestro-guard: begin'
end='# maestro-guard: end'

unstored() { printf '%s\n' unstored=WriteFailed "message=could not write $hosts"; exit 12; }

exec 9>"$root/run/maestro-hosts.lock" && flock -w 20 9 || unstored
if [ ! -e "$hosts" ]; then : >"$hosts" || unstored; fi
{
    if [ "$#" -gt 0 ]; then
        printf '%s\n' "$begin"
        for word; do printf '%s %s\n' "${word#*=}" "${word%%=*}"; done
        printf '%s\n' "$end"
    fi
    sed "/^$begin\$/,/^$end\$/d" "$hosts"
} >"$hosts.new" || unstored
if cmp -s "$hosts.new" "$hosts"; then
    rm -f "$hosts.new"
else
    chmod --reference="$hosts" "$hosts.new" && chown --reference="$hosts" "$hosts.new" && sync "$hosts.new" &&
        mv -f "$hosts.new" "$hosts" || unstored
fi
pins=
for word; do
    name=${word%%=*}
    address=$(getent ahostsv4 "$name" | { read -r first _ && printf '%s' "$first"; })
    pins="$pins $name:$address"
done
printf 'pins=%s\n' "${pins# }"
