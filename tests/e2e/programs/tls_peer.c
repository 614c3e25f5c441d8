// SPDX-License-Identifier: Apache-2.0
/*
 * One end of a TLS connection, told line by line on stdin what to do; one line of answer each.
 * Knows OpenSSL's and BoringSSL's functions by their declarations below, which are the same in
 * every version, so that one source is linked with any of them. Bytes are written in hexadecimal.
 *
 *   by FUNCTIONS           -> 1, or 0 where the library does not have them: what sends and receives
 *                             from then on, SSL_write (also the first), SSL_write_ex, SSL_write_ex2
 *                             or BIO_f_ssl
 *   listen CERTIFICATE KEY -> PORT
 *   accept                 -> ADDRESS PORT ADDRESS PORT FD, its own end first
 *   connect PORT           -> the same
 *   send BYTES             -> COUNT
 *   receive COUNT          -> BYTES
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;
typedef struct ssl_method_st SSL_METHOD;
const SSL_METHOD* TLS_method(void);
SSL_CTX* SSL_CTX_new(const SSL_METHOD* method);
int SSL_CTX_use_certificate_file(SSL_CTX* ctx, const char* file, int type);
int SSL_CTX_use_PrivateKey_file(SSL_CTX* ctx, const char* file, int type);
SSL* SSL_new(SSL_CTX* ctx);
int SSL_set_fd(SSL* ssl, int fd);
int SSL_accept(SSL* ssl);
int SSL_connect(SSL* ssl);
int SSL_read(SSL* ssl, void* buf, int num);
int SSL_write(SSL* ssl, const void* buf, int num);

typedef struct bio_st BIO;
typedef struct bio_method_st BIO_METHOD;
const BIO_METHOD* BIO_f_ssl(void);
BIO* BIO_new(const BIO_METHOD* method);
BIO* BIO_new_socket(int sock, int close_flag);
long BIO_ctrl(BIO* bio, int cmd, long larg, void* parg);
int BIO_read(BIO* bio, void* data, int len);
int BIO_write(BIO* bio, const void* data, int len);
void SSL_set_bio(SSL* ssl, BIO* rbio, BIO* wbio);

/* Not every library has these. */
#define MAYBE __attribute__((weak))
MAYBE int SSL_read_ex(SSL* ssl, void* buf, size_t num, size_t* readbytes);
MAYBE int SSL_write_ex(SSL* ssl, const void* buf, size_t num, size_t* written);
MAYBE int SSL_write_ex2(SSL* ssl, const void* buf, size_t num, uint64_t flags, size_t* written);

enum { FILETYPE_PEM = 1, BIO_C_SET_SSL = 109, MOST_BYTES = 1 << 20 };

static SSL_CTX* context;
static SSL* ssl;
static BIO* bio;
static int listener = -1;
static unsigned char bytes[MOST_BYTES];

static void check(int good, const char* what) {
  if (good) return;
  fprintf(stderr, "tls_peer: cannot %s: %s\n", what, strerror(errno));
  exit(1);
}

static struct sockaddr_in loopback(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};

  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static void listen_for_one(const char* certificate, const char* key) {
  struct sockaddr_in address = loopback(0);
  socklen_t size = sizeof(address);

  check(SSL_CTX_use_certificate_file(context, certificate, FILETYPE_PEM) == 1, "read it");
  check(SSL_CTX_use_PrivateKey_file(context, key, FILETYPE_PEM) == 1, "read the key");
  listener = socket(AF_INET, SOCK_STREAM, 0);
  check(bind(listener, (struct sockaddr*)&address, sizeof(address)) == 0, "bind");
  check(listen(listener, 1) == 0, "listen");
  getsockname(listener, (struct sockaddr*)&address, &size);
  printf("%d\n", ntohs(address.sin_port));
}

static int read_by_read(void* data, int size) { return SSL_read(ssl, data, size); }

static int write_by_write(const void* data, int size) { return SSL_write(ssl, data, size); }

static int read_by_ex(void* data, int size) {
  size_t count;

  return SSL_read_ex(ssl, data, (size_t)size, &count) ? (int)count : -1;
}

static int write_by_ex(const void* data, int size) {
  size_t count;

  return SSL_write_ex(ssl, data, (size_t)size, &count) ? (int)count : -1;
}

static int write_by_ex2(const void* data, int size) {
  size_t count;

  return SSL_write_ex2(ssl, data, (size_t)size, 0, &count) ? (int)count : -1;
}

static int read_by_bio(void* data, int size) { return BIO_read(bio, data, size); }

static int write_by_bio(const void* data, int size) { return BIO_write(bio, data, size); }

struct functions {
  const char* name;
  int (*read)(void* data, int size);
  int (*write)(const void* data, int size);
};

static struct functions by;

/* Whether the library has the functions. */
static int choose(const char* name) {
  const struct functions all[] = {
      {"SSL_write", read_by_read, write_by_write},
      {"SSL_write_ex", SSL_read_ex ? read_by_ex : NULL, SSL_write_ex ? write_by_ex : NULL},
      {"SSL_write_ex2", SSL_read_ex ? read_by_ex : NULL, SSL_write_ex2 ? write_by_ex2 : NULL},
      {"BIO_f_ssl", read_by_bio, write_by_bio},
  };
  const size_t count = sizeof(all) / sizeof(all[0]);
  size_t i = 0;

  while (i < count && strcmp(all[i].name, name) != 0) i++;
  check(i < count, "find functions of this name");
  if (!all[i].read || !all[i].write) return 0;
  by = all[i];
  return 1;
}

static int uses_bio(void) { return by.read == read_by_bio; }

static void set_descriptor(int fd) {
  BIO* plain;

  if (!uses_bio()) {
    check(SSL_set_fd(ssl, fd) == 1, "set the descriptor");
    return;
  }
  plain = BIO_new_socket(fd, 0);
  bio = BIO_new(BIO_f_ssl());
  check(plain && bio, "make BIOs");
  SSL_set_bio(ssl, plain, plain);
  BIO_ctrl(bio, BIO_C_SET_SSL, 0, ssl);
}

static void shake_hands(int fd, int (*how)(SSL*)) {
  struct sockaddr_in own, peer;
  socklen_t size = sizeof(own);

  ssl = SSL_new(context);
  check(ssl != NULL, "make the connection");
  set_descriptor(fd);
  check(how(ssl) == 1, "shake hands");
  getsockname(fd, (struct sockaddr*)&own, &size);
  getpeername(fd, (struct sockaddr*)&peer, &size);
  printf("127.0.0.1 %d 127.0.0.1 %d %d\n", ntohs(own.sin_port), ntohs(peer.sin_port), fd);
}

static void connect_to(int port) {
  struct sockaddr_in address = loopback(port);
  int fd = socket(AF_INET, SOCK_STREAM, 0);

  check(connect(fd, (struct sockaddr*)&address, sizeof(address)) == 0, "connect");
  shake_hands(fd, SSL_connect);
}

static void send_all(const char* hex) {
  int count = (int)strspn(hex, "0123456789abcdef") / 2;

  check(count <= MOST_BYTES, "send so much");
  for (int i = 0; i < count; i++) sscanf(hex + 2 * (size_t)i, "%2hhx", &bytes[i]);
  check(by.write(bytes, count) == count, "send");
  printf("%d\n", count);
}

static void receive(int count) {
  check(count <= MOST_BYTES, "receive so much");
  for (int done = 0; done < count;) {
    int got = by.read(bytes + done, count - done);

    check(got > 0, "receive");
    done += got;
  }
  for (int i = 0; i < count; i++) printf("%02x", bytes[i]);
  putchar('\n');
}

int main(void) {
  static char line[2 * MOST_BYTES + 64], first[4096], second[4096];
  int number;

  context = SSL_CTX_new(TLS_method());
  check(context != NULL, "make a context");
  choose("SSL_write");
  while (fgets(line, sizeof(line), stdin)) {
    if (sscanf(line, "by %63s", first) == 1)
      printf("%d\n", choose(first));
    else if (sscanf(line, "listen %4095s %4095s", first, second) == 2)
      listen_for_one(first, second);
    else if (strcmp(line, "accept\n") == 0)
      shake_hands(accept(listener, NULL, NULL), SSL_accept);
    else if (sscanf(line, "connect %d", &number) == 1)
      connect_to(number);
    else if (strncmp(line, "send ", 5) == 0)
      send_all(line + 5);
    else if (sscanf(line, "receive %d", &number) == 1)
      receive(number);
    else
      check(0, "understand that");
    fflush(stdout);
  }
  return 0;
}
