# An address that one of two nodes has beside its own: looked for, taken, announced, withdrawn.
# Arguments: root, verb, address, prefix length, interface. Verbs: read, take, succeed, drop, announce, probe.
# To succeed is to take what the other node has just withdrawn: whether anybody else has it is asked afterwards.
# Prints held=yes or no, had=yes where drop found it here, and others=yes where somebody else on the segment answers for it.
# Exit statuses: 20 no such interface, 21 somebody else has it, 22 a program is missing, 23 it could not be done.

set -u
LC_ALL=C PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
verb=$2 address=$3 length=$4 interface=$5

case $address in *:*) family=-6 whole=128 ;; *) family=-4 whole=32 ;; esac

ip link show dev "$interface" >/dev/null 2>&1 || { printf '%s\n' "message=there is no interface $interface"; exit 20; }
is_held() { [ -n "$(ip -o "$family" address show to "$address/$whole" 2>/dev/null)" ]; }
is_tentative() { ip -o "$family" address show to "$address/$whole" | grep -q 'tentative'; }
is_doubled() { ip -o "$family" address show to "$address/$whole" | grep -q 'dadfailed'; }
need() { command -v "$1" >/dev/null 2>&1 || { printf '%s\n' "message=$1 is not installed"; exit 22; }; }
taken_elsewhere() { printf '%s\n' held=no others=yes "message=somebody else on $interface answers for $address"; exit 21; }

# Asked from no address, so that nobody learns of one; of version 6 the kernel asks by itself when one is added.
# Who is there answers within milliseconds. Asked more than once, because a question may get lost.
somebody_answers() { # seconds that each question waits, as many times
    [ "$family" = -4 ] || return 1
    need arping
    for wait; do
        timeout "$wait" arping -D -q -I "$interface" -c 1 -w 1 "$address" >/dev/null 2>&1
        # Ended without an answer, by itself or from here; whatever else it says is no silence.
        case $? in 0 | 124) ;; *) return 0 ;; esac
    done
    return 1
}

announce() {
    if [ "$family" = -4 ]; then
        need arping
        # Each is out at once, but its program stays for a whole second, for which nobody waits.
        (
            trap '' HUP
            arping -q -U -I "$interface" -c 1 -w 1 "$address" &
            arping -q -A -I "$interface" -c 1 -w 1 "$address" &
        ) </dev/null >/dev/null 2>&1
    elif command -v python3 >/dev/null 2>&1; then
        python3 -I -S -c "$NEIGHBOUR" "$interface" "$address"
    else
        # Whoever answers has to ask where this address is.
        ping -6 -q -c 1 -W 1 -I "$address" "ff02::1%$interface" >/dev/null 2>&1
    fi
    return 0
}
NEIGHBOUR='
import fcntl, socket, struct, sys
name, address = sys.argv[1:]
index, target = socket.if_nametoindex(name), socket.inet_pton(socket.AF_INET6, address)
asked = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
mac = fcntl.ioctl(asked, 0x8927, struct.pack("256s", name.encode()))[18:24]
raw = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
raw.bind((address, 0, 0, index))
message = struct.pack("!BBHI", 136, 0, 0, 0x20000000) + target + bytes((2, 1)) + mac
for _ in range(2):
    raw.sendto(message, ("ff02::1", 0, 0, index))
'

take() {
    if is_held && ! is_doubled; then announce; return; fi
    if [ "$family" = -4 ]; then
        [ "$verb" = succeed ] || ! somebody_answers 0.2 0.2 || taken_elsewhere
        ip address add "$address/$length" dev "$interface" || exit 23
    else
        ip -6 address delete "$address/$length" dev "$interface" 2>/dev/null
        sysctl -q -w "net.ipv6.conf.$interface.ndisc_notify=1" 2>/dev/null
        ip -6 address add "$address/$length" dev "$interface" || exit 23
        left=50
        while is_tentative && ! is_doubled && [ "$left" -gt 0 ]; do sleep 0.1; left=$((left - 1)); done
        if is_doubled || is_tentative; then
            ip -6 address delete "$address/$length" dev "$interface"
            taken_elsewhere
        fi
    fi
    announce
}

drop() {
    is_held || return 0
    had=yes
    ip "$family" -o address show to "$address/$whole" | while read -r _ where _ found _; do
        ip address delete "$found" dev "$where" || exit 23
    done
    ! is_held || exit 23
}

others=no had=no
case $verb in
    read) ;;
    probe) if somebody_answers 0.5 1; then others=yes; fi ;;
    take | succeed) take ;;
    announce) if is_held; then announce; fi ;;
    drop) drop ;;
    *) exit 23 ;;
esac
if is_held && ! is_doubled; then printf '%s\n' held=yes; else printf '%s\n' held=no; fi
printf '%s\n' "others=$others" "had=$had"
