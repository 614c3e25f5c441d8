// SPDX-License-Identifier: Apache-2.0
/*
 * One end of a TLS connection, told line by line on stdin what to do; one line of answer each.
 * Knows OpenSSL's and BoringSSL's functions by their declarations below, which are the same in
 * every version, so that one source is linked with any of them. Bytes are written in hexadecimal.
 *
 *   listen CERTIFICATE KEY -> PORT
 *   accept                 -> ADDRESS PORT ADDRESS PORT FD, its own end first
 *   connect PORT           -> the same
 *   send BYTES             -> COUNT
 *   receive COUNT          -> BYTES
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
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

enum { FILETYPE_PEM = 1, MOST_BYTES = 1 << 20 };

static SSL_CTX* context;
static SSL* ssl;
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

static void shake_hands(int fd, int (*how)(SSL*)) {
  struct sockaddr_in own, peer;
  socklen_t size = sizeof(own);

  ssl = SSL_new(context);
  check(ssl && SSL_set_fd(ssl, fd) == 1, "make the connection");
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
  check(SSL_write(ssl, bytes, count) == count, "send");
  printf("%d\n", count);
}

static void receive(int count) {
  check(count <= MOST_BYTES, "receive so much");
  for (int done = 0; done < count;) {
    int got = SSL_read(ssl, bytes + done, count - done);

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
  while (fgets(line, sizeof(line), stdin)) {
    if (sscanf(line, "listen %4095s %4095s", first, second) == 2)
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
