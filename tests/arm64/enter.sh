#!/usr/bin/env bash
# Runs a program of FOLDER/root on QEMU, in the place of this shell: its process, its signals, its network.
#
#   tests/arm64/enter.sh FOLDER PROGRAM [ARGUMENT...]
#
# The kernel learns of QEMU in a user namespace of this program alone, which Linux can from 6.7 on: nothing of the
# machine's own settings changes, and nothing is left behind.
set -euo pipefail

if [ "${INSIDE:-}" ]; then
  folder=$1
  shift
  mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
  magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
  mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
  printf '%s' ":arm64:M::$magic:$mask:$folder/qemu:F" >/proc/sys/fs/binfmt_misc/register
  for name in dev proc sys; do mount --rbind "/$name" "$folder/root/$name"; done
  unset INSIDE
  exec unshare --root "$folder/root" --wd /srv/autocomplete "$@"
fi
INSIDE=1 exec unshare --map-root-user --mount "$0" "$@"
