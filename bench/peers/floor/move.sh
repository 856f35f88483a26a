#!/bin/sh
# The same effects with no look before, between or after: the floor. Arguments: the command that runs a script on the
# old side (empty: that one is past help) and on the new side over an open connection; then the address.
set -eu
old=$1 new=$2 address=$3
if [ -n "$old" ]; then
  "$old" "systemctl stop hello-floor.service; ip address delete $address/24 dev host0"
fi
"$new" "ip address add $address/24 dev host0; systemctl start hello-floor.service; arping -q -U -c 1 -w 1 -I host0 $address"
