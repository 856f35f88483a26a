
# --- Solaris ---------------------------------------------------------------------------------------------------------
# What the guard takes from Linux and systemd, said in the words of Solaris 11.4 and SMF; it stands right before the
# guard's last line, and every decision above it is the same text on both. Never run on a Solaris: PlatformUnverified.
# Needs ksh93 as /bin/sh, perl, and the GNU programs below /usr/gnu/bin, all of which a Solaris 11.4 has.

PLATFORM=Solaris
held=''

read_boot() { # the boot's moment and the host, in the form of a boot id
    PATH=${root:+$root/bin:}/usr/gnu/bin:/usr/sbin:/usr/bin:/sbin:/bin
    # There is no /run; what a reboot voids lies where a reboot empties.
    runtime=$root/var/run/maestro-guard
    boot=''
    _at=$(kstat -p unix:0:system_misc:boot_time 2>/dev/null) && _host=$(hostid 2>/dev/null) || return 0
    is_number "${_at##*[!0-9]}" && is_id "$_host" || return 0
    digest "$_host ${_at##*[!0-9]}" && boot=$digest
}
digest() { # text: gives 32 hexadecimal digits as $digest
    sum_of "$1" || return 1
    digest=$(printf '%.32s' "$sum")
}
up_seconds() { # gives $up, whole seconds since the boot
    up=$(kstat -p unix:0:system_misc:snaptime 2>/dev/null) || up=''
    up=${up##*[!0-9.]}
    up=${up%%.*}
    is_number "$up" || up=''
}
read_uptime() { up_seconds; [ -n "$up" ] || unknown UptimeUnknown "the uptime cannot be read"; }

# A lock is held by a process of its own, which ends with this one, however this one ends: SMF's host has no flock.
hold() { # file seconds: 0 held, 1 busy, 2 the file cannot be opened
    _said=$(perl -MFcntl=:flock -e '
        my ($path, $seconds, $owner) = @ARGV;
        pipe(my $from, my $to) or exit;
        if (fork) { close $to; print scalar <$from>; exit }
        close $from; close STDOUT; close STDIN; close STDERR;
        select((select($to), $| = 1)[0]);
        open(my $file, "+>>", $path) or do { print $to "none"; exit };
        my $ends = time + $seconds;
        until (flock($file, LOCK_EX | LOCK_NB)) {
            if (time >= $ends) { print $to "busy"; exit }
            select(undef, undef, undef, 0.05);
        }
        print $to "held:$$";
        close $to;
        while (kill(0, $owner)) { select(undef, undef, undef, 0.2) }
    ' "$1" "$2" "$$" </dev/null 2>/dev/null) || return 2
    case $_said in
        held:*) held="$held ${_said#held:}"; trap let_go EXIT ;;
        busy) return 1 ;;
        *) return 2 ;;
    esac
}
let_go() { # every lock of this shell
    for _holder in $held; do kill -s KILL "$_holder" 2>/dev/null || :; done
    held=''
}
take_lock() {
    [ "$locked" = no ] || return 0
    _file=$1
    if [ -d "$1" ]; then _file=$1/maestro-guard.lock; fi
    _code=0
    hold "$_file" "$LOCK_SECONDS" || _code=$?
    case $_code in
        1) unstored LockBusy "$1 is held by another process" ;;
        2) unstored NoLock "could not open $1" ;;
    esac
}
drop_lock() { if [ "$locked" = no ]; then let_go; fi; }
look() {
    read_state
    if [ "$locked" = yes ] || { [ "$standing$torn" != lost0 ] && [ "$torn" = 0 ]; }; then return 0; fi
    if [ -f "$state/lock" ] && hold "$state/lock" 5; then
        read_state
        let_go
    fi
}
flock() { # the two that the guard takes beside its own
    case $* in
        '-n 6') hold "$runtime/sequence.lock" 0 ;;
        '-w 20 5') hold "$root/var/run/maestro-hosts.lock" 20 ;;
        *) return 1 ;;
    esac
}

# SMF's instances by abbreviated name: application/listserv:default.
is_unit() { case $1 in '' | -* | *[!A-Za-z0-9:_.@/-]*) return 1 ;; esac; [ "${#1}" -le 255 ]; }
show_units() { # in systemd's words; nothing is printed where SMF does not answer, or names more than one
    for _unit; do
        _active='' _file=''
        _line=$(svcs -H -o state,nstate "$_unit" 2>&1) || case $_line in
            *"doesn't match any instances"*) printf 'unit.%s=inactive/not-found//\n' "$_unit"; continue ;;
            *) continue ;;
        esac
        case $_line in *"$NL"*) continue ;; esac
        # shellcheck disable=SC2086 # two words
        set_pair $_line
        case $_state in
            *\**) if [ "$_next" = online ]; then _active=activating; else _active=deactivating; fi ;;
            online | degraded | legacy_run) _active=active ;;
            offline | uninitialized) _active=activating ;;
            disabled) _active=inactive ;;
            maintenance) _active=failed ;;
        esac
        [ -n "$_active" ] || continue
        case $(svcprop -p general/enabled "$_unit" 2>/dev/null) in true) _file=enabled ;; false) _file=disabled ;; esac
        printf 'unit.%s=%s/%s/%s/%s\n' "$_unit" "$_active" "${_state%\*}" "$_file" "${_state%\*}"
    done
}
set_pair() { _state=${1:-} _next=${2:-}; }
stop_services() {
    read_config
    stopped='' _reversed=''
    for _unit in $services; do _reversed="$_unit $_reversed"; done
    for _unit in $_reversed; do
        # Until the next boot, and waited for; for good they are disabled always.
        timeout -k 5 "$stop_seconds" svcadm disable -s -t "$_unit" >/dev/null 2>&1 || :
        stopped="$stopped $_unit"
    done
    stopped=${stopped# }
    find_still
    case " $bad " in *" config "* | *" services "*) still="${still:+$still }unknown" ;; esac
}
start_unit() {
    take_lock "$state/lock"
    read_state
    refuse_unless_permitted
    svcadm enable -t "$1" >/dev/null 2>&1 || { drop_lock; fail StartRefused "SMF refused to start $1"; }
    drop_lock
    _tenths=$((start_seconds * 10))
    while [ "$_tenths" -gt 0 ]; do
        case $(show_units "$1") in
            "unit.$1=active/"*) return 0 ;;
            "unit.$1=failed/"* | "unit.$1=inactive/"*) fail NotStarted "$1 is not active after its start" ;;
        esac
        sleep 0.2
        _tenths=$((_tenths - 2))
    done
    fail NotStarted "$1 is not active after $start_seconds s"
}
farewell() {
    read_config
    [ "$(svcs -H -o nstate svc:/system/boot-archive:default 2>/dev/null)" = offline ] || case $(who -r 2>/dev/null) in
        *'run-level 0'* | *'run-level 5'* | *'run-level 6'*) ;;
        *) return 0 ;;
    esac
    ask leaving
    [ "$reached" = yes ] || log "the peer could not be told that this node goes down"
}

# No replication of this version runs here, so that nothing can receive and no mirror is there.
kill_receivers() { say receivers=0; }
show_replica() { say replica.live="$(if [ -e "$live" ]; then printf present; else printf absent; fi)" replica.generation=none replica.receivers=0; }
order_grant() { refuse NotOnThisPlatform "no replication runs on Solaris"; }
order_receipt() { refuse NotOnThisPlatform "no mirror runs on Solaris"; }

show_holders() {
    _real=$(cd -P -- "$live" 2>/dev/null && pwd -P) || _real=$live
    printf 'holders=%s\n' "$(perl -e '
        my ($proc, $real) = @ARGV; my %held;
        for my $link (glob("$proc/[0-9]*/path/*")) {
            my $to = readlink($link); next unless defined $to;
            next unless $to eq $real or index($to, "$real/") == 0;
            $held{$1} = 1 if $link =~ m{^\Q$proc\E/(\d+)/};
        }
        my @pids = sort { $a <=> $b } keys %held; print join(" ", splice(@pids, 0, 20));' "$root/proc" "$_real" 2>/dev/null)"
}
show_listeners() {
    _open=''
    _lines=$(netstat -an -P tcp 2>/dev/null) || return 0
    for _port in $ports; do
        case $_lines in *".$_port "*LISTEN*) is_listening "$_port" && _open="$_open $_port" ;; esac
    done
    printf 'listeners=%s\n' "${_open# }"
}
is_listening() { printf '%s\n' "$_lines" | grep -q "^ *[^ ]*\.$1  *.*LISTEN"; }
show_pins() {
    _pins=''
    for _name in $names; do
        _found=$(timeout 1 getent hosts "$_name" 2>/dev/null) || _found=''
        _pins="$_pins $_name:${_found%%[!0-9.]*}"
    done
    printf 'pins=%s\n' "${_pins# }"
}
show_disk() {
    _free=$(df -k "$live" 2>/dev/null | { read -r _ && read -r _ _ _ _kib _ && printf '%s' "$_kib"; }) || return 0
    is_number "$_free" && printf 'disk_free_bytes=%s\n' "$((_free * 1024))"
}
answer_leaving() {
    up_seconds
    [ -n "$up" ] || unknown NoClock "no uptime"
    mkdir -p "$runtime" && printf '%s\n' "$up" >"$runtime/peer-left" || unstored NoFolder "could not write $runtime"
    log "the peer says that it goes down"
    say noted=yes
}
show_peer_left() {
    _left=''
    { read -r _left <"$runtime/peer-left"; } 2>/dev/null || return 0
    up_seconds
    is_number "$_left" && [ -n "$up" ] && [ "$_left" -le "$up" ] || return 0
    say "peer_left_seconds=$((up - _left))"
}
observe() {
    read_config
    show_replica
    # shellcheck disable=SC2086 # unit names have no spaces and no wildcards
    show_units $services
    show_holders
    show_pins
    show_state
    _host=$(hostid 2>/dev/null) || _host=''
    digest='' up=''
    if is_id "$_host"; then digest "host $_host" || digest=''; fi
    up_seconds
    say "platform=$PLATFORM" "machine_id=$digest" "uptime_seconds=$up" "config_pair=$c_pair" "config_node=$c_node" \
        "config_bad=$bad" "peer_ready=$(yes_or_no is_introduced)"
    show_listeners
    show_disk
    show_peer_left
}
