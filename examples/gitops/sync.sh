#!/bin/sh
# A sync loop for practice: what stands on a branch of a Git repository is applied, again and again.
# Argo CD and Flux do this better. Usage: sync.sh REPOSITORY BRANCH
set -u
here=$(mktemp -d) || exit 1
trap 'rm -rf "$here"' EXIT
trap 'exit 0' INT TERM
git clone --quiet --branch "$2" "$1" "$here/work" || exit 1
while :; do
    git -C "$here/work" pull --quiet --ff-only && kubectl apply --server-side --force-conflicts -f "$here/work"
    sleep 2 &
    wait $!
done
