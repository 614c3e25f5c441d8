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
  timeout 60 tlscope capture >/tmp/captured 2>/tmp/log &
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

section bpf-tests tlscope_bpf_tests --gtest_color=no 2>&1
nginx -c /etc/nginx.conf
for strategy in auto; do
  section "capture-$strategy" capture $strategy 2>&1
  section "log-$strategy" cat /tmp/log
done
section kernel-log dmesg
reboot -f
