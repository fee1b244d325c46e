#!/usr/bin/env bash
# Stops what start.sh started under $1.
for file in "$1"/run/*.pid; do
    [ -e "$file" ] && kill "$(cat "$file")"
done
true
