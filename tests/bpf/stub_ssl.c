/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A libssl whose functions claim to have done what they were asked to: for results that a real one
 * gives only with hardware or kernel modules. SSL_read and SSL_write make it one.
 */
#include <stddef.h>
#include <sys/types.h>

int SSL_read(void* ssl, void* buf, int num) {
  (void)ssl;
  (void)buf;
  return num;
}

int SSL_write(void* ssl, const void* buf, int num) {
  (void)ssl;
  (void)buf;
  return num;
}

ssize_t SSL_sendfile(void* ssl, int fd, off_t offset, size_t size, int flags) {
  (void)ssl;
  (void)fd;
  (void)offset;
  (void)flags;
  return (ssize_t)size;
}
