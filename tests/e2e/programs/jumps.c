// SPDX-License-Identifier: Apache-2.0
/*
 * jumps PORT: leaves SSL_do_handshake, SSL_read and SSL_write by longjmp, from a BIO's callback or
 * from a signal's handler above it, and goes on with other connections.
 */
#include <setjmp.h>
#include <signal.h>

#include "tls_client.h"

enum { TIMES = 3 };

static sigjmp_buf above;
static enum way leave_when;
static int by_signal;

static void leave(int number) { siglongjmp(above, number); }

static void leave_from_bio(struct connection* connection, enum way way) {
  (void)connection;
  if (way != leave_when) return;
  if (by_signal)
    raise(SIGUSR1);
  else
    leave(1);
}

static void leave_by_jump(const char* what, void (*step)(struct connection*),
                          struct connection* connection, enum way way) {
  leave_when = way;
  in_bio = leave_from_bio;
  if (sigsetjmp(above, 1) == 0) {
    step(connection);
    printf("%s: returned\n", what);
  } else {
    printf("%s: left by a jump\n", what);
  }
  in_bio = NULL;
  end(connection);
}

int main(int argc, char** argv) {
  static struct connection connection;
  int number = 0;

  if (argc != 2) return 2;
  begin(argv[1]);
  signal(SIGUSR1, leave);
  for (int i = 0; i < TIMES; i++) {
    for (by_signal = 0; by_signal < 2; by_signal++) {
      prepare(&connection, number++);
      leave_by_jump("a handshake", shake_hands, &connection, TO_READ);

      prepare(&connection, number++);
      shake_hands(&connection);
      say(&connection);
      hear(&connection);
      say(&connection);
      leave_by_jump("a read", hear, &connection, TO_READ);

      prepare(&connection, number++);
      shake_hands(&connection);
      say(&connection);
      hear(&connection);
      leave_by_jump("a write", say, &connection, TO_WRITE);
      converse(number++);
      converse(number++);
    }
  }
  return 0;
}
