#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The first process of the guest: runs the tests, says how each ended, and turns the machine off.
# What it prints between `@@ begin NAME` and `@@ end NAME STATUS` is read by virtual_machine.py.

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tracefs tracefs /sys/kernel/tracing
ip link set lo up

section() {
  name=$1
  shift
  echo "@@ begin $name"
  "$@"
  echo "@@ end $name $?"
}

# Captures what curl and nginx say to each other: two requests on one connection. Neither tells the
# agent more than the other: nginx hands OpenSSL a descriptor, curl reads and writes by itself.
capture() {
  : >/tmp/log # or the words of the capture before would be taken for this one's
  timeout 60 tlscope capture --verbose --max-payload 64KiB --attach-strategy "$1" >/tmp/captured 2>/tmp/log &
  agent=$!
  until grep -q ': ready' /tmp/log; do
    if ! kill -0 $agent 2>/dev/null; then
      cat /tmp/log
      wait $agent
      return
    fi
    sleep 0.05
  done
  curl -sS --cacert /etc/certificate.pem https://127.0.0.1:8443/first \
    https://127.0.0.1:8443/second >/tmp/answers || return
  kill -INT $agent
  wait $agent
  status=$?
  cat /tmp/captured
  return $status
}

# How a library is probed, and most of what memory BIOs are about, does not depend on the kernel.
tests='LoadBpf*:*SocketBpf*:*HandshakeBpf*:*PayloadBpf*/AutoAttach:*ApiBpf*/AutoAttach:*MemoryBio*.FindsTheSocketThat*:-*ForgetsTheOldest*'
section bpf-tests tlscope_bpf_tests --gtest_color=no "--gtest_filter=$tests" 2>&1
nginx -c /etc/nginx.conf
for strategy in auto tp_btf fentry kprobe syscall; do
  section "capture-$strategy" capture $strategy 2>&1
  section "log-$strategy" cat /tmp/log
done
section kernel-log dmesg
reboot -f
