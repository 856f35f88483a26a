# Lets the peer's guard in: its pinned host key, and one line for its key among root's authorized keys.
# Arguments: root, the peer's known_hosts line, the peer's public key (kind and key, no comment).
# Other people's lines are kept byte for byte; only the line of this pair is replaced.

set -u
LC_ALL=C PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
umask 077
root=$1 known=$2 key=$3
folder=$root/etc/maestro-guard
keys=$root/root/.ssh/authorized_keys
pair=
while IFS='=' read -r name value; do
    if [ "$name" = pair ]; then pair=$value; fi
done <"$folder/config"
[ -n "$pair" ] || { printf '%s\n' refused=NotEquipped "message=the guard is not configured on this node"; exit 10; }
mark="maestro-guard:$pair"
line="restrict,command=\"/usr/local/lib/maestro-guard/maestro-guard forced\" $key $mark"

unstored() { printf '%s\n' unstored=WriteFailed "message=could not write $1"; exit 12; }
place() { # new file, file
    if cmp -s "$1" "$2"; then rm -f "$1"; else sync "$1" && mv -f "$1" "$2" || unstored "$2"; fi
}

exec 9>"$root/run/maestro-equip.lock" && flock -w 20 9 || unstored "$root/run/maestro-equip.lock"
printf '%s\n' "$known" >"$folder/peer_known_hosts.new" || unstored "$folder/peer_known_hosts"
place "$folder/peer_known_hosts.new" "$folder/peer_known_hosts"

mkdir -p "${keys%/*}" || unstored "${keys%/*}"
if [ ! -e "$keys" ]; then : >"$keys" || unstored "$keys"; fi
# A comment is the rest of its line, so the mark is compared with the end of the line.
{
    awk -v mark=" $mark" 'substr($0, length($0) - length(mark) + 1) != mark' "$keys" && printf '%s\n' "$line"
} >"$keys.new" || unstored "$keys"
chmod --reference="$keys" "$keys.new" && chown --reference="$keys" "$keys.new" || unstored "$keys"
place "$keys.new" "$keys"
printf 'introduced=yes\n'
