// SPDX-License-Identifier: Apache-2.0
/*
 * left_writes PORT: leaves SSL_write by longjmp from a BIO's callback, each time after a record of
 * what it was to send has gone out, and goes on with other connections.
 */
#include <setjmp.h>

#include "tls_client.h"

enum { TIMES = 4, LONG = 40000 }; /* bytes, in three records */

static jmp_buf above;
static int records;

static void leave_second_record(struct connection* connection, enum way way) {
  (void)connection;
  if (way == TO_WRITE && ++records == 2) longjmp(above, 1);
}

static void say_at_length(struct connection* connection) {
  static char request[LONG];
  size_t written;

  memset(request, 'x', sizeof(request));
  memcpy(request, "GET /", 5);
  if (!uses_ex(connection))
    SSL_write(connection->ssl, request, sizeof(request));
  else
    SSL_write_ex(connection->ssl, request, sizeof(request), &written);
}

int main(int argc, char** argv) {
  static struct connection connection;
  int number = 0;

  if (argc != 2) return 2;
  begin(argv[1]);
  for (int i = 0; i < TIMES; i++) {
    prepare(&connection, number++);
    shake_hands(&connection);
    say(&connection);
    hear(&connection);
    records = 0;
    in_bio = leave_second_record;
    if (setjmp(above) == 0) {
      say_at_length(&connection);
      printf("a long write: returned\n");
    } else {
      printf("a long write: left after %d record\n", records - 1);
    }
    in_bio = NULL;
    end(&connection);
    converse(number++);
    number++; /* so that the next one uses the other functions */
  }
  return 0;
}
