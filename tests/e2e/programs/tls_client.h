// SPDX-License-Identifier: Apache-2.0
/*
 * What the programs share that leave SSL calls by other ways than a return, or go on elsewhere
 * meanwhile: connections to an HTTPS server on loopback whose BIO calls the program back.
 *
 * A request says which connection it is of, which of its requests it is, and the port that it came
 * from; the server's answer says that port, too. A program prints for each connection what it said
 * and heard, and nothing that differs between two runs.
 */
#ifndef TLSCOPE_TESTS_E2E_PROGRAMS_TLS_CLIENT_H_
#define TLSCOPE_TESTS_E2E_PROGRAMS_TLS_CLIENT_H_

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DEADLINE_S = 60 };
enum way { TO_READ, TO_WRITE };

struct connection {
  SSL* ssl;
  int fd;
  int number;
  int port;
  int requests; /* said */
  int answers;  /* heard */
};

/* Called by a connection's BIO before it reads or writes, if it is set. */
static void (*in_bio)(struct connection*, enum way);

static int server_port;
static SSL_CTX* context;
static BIO_METHOD* calling_back;

static void check(int good, const char* what) {
  if (good) return;
  fprintf(stderr, "cannot %s: %s\n", what, strerror(errno));
  exit(3);
}

static int read_from_socket(BIO* bio, char* data, int size) {
  struct connection* connection = (struct connection*)BIO_get_data(bio);

  if (in_bio) in_bio(connection, TO_READ);
  return (int)recv(connection->fd, data, (size_t)size, 0);
}

static int write_to_socket(BIO* bio, const char* data, int size) {
  struct connection* connection = (struct connection*)BIO_get_data(bio);

  if (in_bio) in_bio(connection, TO_WRITE);
  return (int)send(connection->fd, data, (size_t)size, 0);
}

static long control_socket(BIO* bio, int command, long number, void* pointer) {
  (void)bio, (void)number, (void)pointer;
  return command == BIO_CTRL_FLUSH;
}

/* Waits for a line on stdin: whoever watches is ready. Nothing here takes longer than DEADLINE_S.
 */
static void begin(const char* port) {
  char line[16];

  server_port = atoi(port);
  context = SSL_CTX_new(TLS_client_method());
  calling_back = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "calling back");
  check(context && calling_back, "make a context");
  BIO_meth_set_read(calling_back, read_from_socket);
  BIO_meth_set_write(calling_back, write_to_socket);
  BIO_meth_set_ctrl(calling_back, control_socket);
  check(fgets(line, sizeof(line), stdin) != NULL, "begin");
  alarm(DEADLINE_S);
}

/* Everything but the handshake. `connection` must not move. */
static void prepare(struct connection* connection, int number) {
  struct sockaddr_in address;
  socklen_t size = sizeof(address);
  BIO* bio = BIO_new(calling_back);

  memset(connection, 0, sizeof(*connection));
  memset(&address, 0, sizeof(address));
  address.sin_family = AF_INET;
  address.sin_port = htons((unsigned short)server_port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  connection->number = number;
  connection->fd = socket(AF_INET, SOCK_STREAM, 0);
  check(connect(connection->fd, (struct sockaddr*)&address, size) == 0, "connect");
  check(getsockname(connection->fd, (struct sockaddr*)&address, &size) == 0, "find the port");
  connection->port = ntohs(address.sin_port);
  connection->ssl = SSL_new(context);
  check(connection->ssl && bio, "make the connection");
  BIO_set_data(bio, connection);
  BIO_set_init(bio, 1);
  SSL_set_bio(connection->ssl, bio, bio);
  SSL_set_connect_state(connection->ssl);
}

static void shake_hands(struct connection* connection) {
  check(SSL_do_handshake(connection->ssl) == 1, "shake hands");
}

/* Every other connection uses the functions that CPython uses. */
static int uses_ex(const struct connection* connection) { return connection->number % 2; }

static void say(struct connection* connection) {
  char request[128];
  size_t written = 0;
  int size =
      snprintf(request, sizeof(request), "GET /connection?%d.%d.%d HTTP/1.1\r\nHost: x\r\n\r\n",
               connection->number, connection->requests, connection->port);

  if (!uses_ex(connection))
    written = (size_t)SSL_write(connection->ssl, request, size);
  else
    SSL_write_ex(connection->ssl, request, (size_t)size, &written);
  check(written == (size_t)size, "say it");
  connection->requests++;
}

/* 0 when it is no whole response yet. */
static int whole(const char* response) {
  const char* content = strstr(response, "\r\n\r\n");
  const char* length = strstr(response, "Content-Length: ");

  return content && length && strlen(content + 4) >= strtoul(length + 16, NULL, 10);
}

static void hear(struct connection* connection) {
  char response[4096] = "", address[64];
  size_t size = 0, got = 0;

  while (!whole(response)) {
    size_t room = sizeof(response) - 1 - size;

    if (!uses_ex(connection))
      got = (size_t)SSL_read(connection->ssl, response + size, (int)room);
    else
      check(SSL_read_ex(connection->ssl, response + size, room, &got) == 1, "hear");
    check(got > 0 && got <= room, "hear");
    size += got;
    response[size] = 0;
  }
  snprintf(address, sizeof(address), "\r\n\r\n127.0.0.1 %d ", connection->port);
  check(strstr(response, address) != NULL, "hear the own answer");
  connection->answers++;
}

static void tell(const struct connection* connection) {
  printf("connection %d: %d requests, %d answers\n", connection->number, connection->requests,
         connection->answers);
  fflush(stdout);
}

/* Without a word to the server. */
static void end(struct connection* connection) {
  tell(connection);
  SSL_free(connection->ssl);
  close(connection->fd);
}

/* A connection with nothing odd about it. */
static void converse(int number) {
  struct connection connection;

  prepare(&connection, number);
  shake_hands(&connection);
  for (int i = 0; i < 2; i++) {
    say(&connection);
    hear(&connection);
  }
  end(&connection);
}

#endif
