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

/* What SSL_write does before it returns. */
void (*tlscope_stub_inside)(void);

int SSL_write(void* ssl, const void* buf, int num) {
  (void)ssl;
  (void)buf;
  if (tlscope_stub_inside) tlscope_stub_inside();
  return num;
}

/* This library's own, not the one of the libssl that the program is linked with. */
static ssize_t own_sendfile(void* ssl, int fd, off_t offset, size_t size, int flags)
    __attribute__((alias("SSL_sendfile")));

/* Calls itself `flags` times, each inside the other. */
ssize_t SSL_sendfile(void* ssl, int fd, off_t offset, size_t size, int flags) {
  ssize_t (*volatile self)(void*, int, off_t, size_t, int) = own_sendfile;
  if (flags > 0 && self(ssl, fd, offset, size, flags - 1) < 0) return -1;
  return (ssize_t)size;
}
