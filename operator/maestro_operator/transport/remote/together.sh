# Runs several commands at once and says of each what it printed, what it complained of and how it ended.
# Arguments: a root (unused), then for each: seconds to TERM, seconds from there to KILL, how many words, the words.
# Each line that is printed begins with the command's number and one letter: `o` output, `e` complaint, `!` printed
# more than may be, `=` the status, the last line of that number. A space comes before a whole line, a plus before a
# piece of one that goes on. No file is written: a disk that is full does not hinder it. Every line is one small
# write, so that those of two commands never mix.

set -u
LC_ALL=C
export LC_ALL
shift
MOST=262144 MOST_COMPLAINT=4096
piece='??????????'
piece=$piece$piece$piece$piece$piece$piece$piece$piece$piece$piece
piece=$piece$piece$piece$piece$piece$piece$piece$piece$piece$piece
exec 3>&1

tell() { # number letter most: what comes in, line by line
    head -c "$(($3 + 1))" | (
        left=$3
        while line='' whole=yes && { IFS= read -r line || whole=no; } && [ "$whole$line" != no ]; do
            left=$((left - ${#line} - 1))
            [ "$left" -ge -1 ] || { printf '%s!\n' "$1"; exit; }
            while [ "${#line}" -gt 1000 ]; do
                rest=${line#$piece}
                printf '%s%s+%s\n' "$1" "$2" "${line%"$rest"}"
                line=$rest
            done
            if [ "$whole" = yes ]; then printf '%s%s %s\n' "$1" "$2" "$line"
            else printf '%s%s+%s\n' "$1" "$2" "$line"; fi
        done
    )
}
one() { # number term kill how-many words, and words that are others'
    number=$1 term=$2 kill=$3 words=$4
    shift 4
    for word; do
        shift
        [ "$words" -eq 0 ] || { set -- "$@" "$word" && words=$((words - 1)); }
    done
    status=$(
        {
            {
                # What the command leaves behind must not hold these open.
                { timeout -k "$kill" "$term" "$@" </dev/null 2>&4 3>&- 4>&- 5>&-; printf '%s' "$?" >&5; } |
                    tell "$number" o "$MOST" >&3
            } 4>&1 | tell "$number" e "$MOST_COMPLAINT" >&3
        } 5>&1
    )
    printf '%s=%s\n' "$number" "$status" >&3
}

number=0
while [ "$#" -gt 3 ]; do
    one "$number" "$@" &
    number=$((number + 1))
    shift $((3 + $3))
done
wait
