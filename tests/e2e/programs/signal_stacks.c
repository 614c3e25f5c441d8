// SPDX-License-Identifier: Apache-2.0
/*
 * signal_stacks PORT above|below: a signal comes while SSL_read or SSL_write waits, and its handler
 * makes a request of another connection, on a signal stack above or below the thread's own.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

#include "tls_client.h"

enum { ROUNDS = 4, STACK_BYTES = 1 << 18 };

static char* stacks; /* three of them; the thread's own is the middle one */
static int handler_is_above;
static struct connection interrupted, of_handler;
static enum way interrupt_when;
static int armed;

static void make_request(int number) {
  (void)number;
  say(&of_handler);
  hear(&of_handler);
}

/* The signal is handled before this returns. */
static void interrupt(struct connection* connection, enum way way) {
  if (connection != &interrupted || way != interrupt_when || !armed) return;
  armed = 0;
  raise(SIGUSR1);
}

static void* converse_interrupted(void* unused) {
  stack_t stack = {.ss_sp = stacks + (handler_is_above ? 2 * STACK_BYTES : 0),
                   .ss_size = STACK_BYTES};
  struct sigaction action = {.sa_handler = make_request, .sa_flags = SA_ONSTACK};

  check(sigaltstack(&stack, NULL) == 0 && sigaction(SIGUSR1, &action, NULL) == 0, "handle it");
  for (int number = 0; number < 4; number += 2) {
    interrupt_when = number ? TO_WRITE : TO_READ;
    prepare(&interrupted, number);
    prepare(&of_handler, number + 1);
    shake_hands(&interrupted);
    shake_hands(&of_handler);
    in_bio = interrupt;
    for (int i = 0; i < ROUNDS; i++) {
      armed = 1;
      say(&interrupted);
      hear(&interrupted);
    }
    in_bio = NULL;
    end(&interrupted);
    end(&of_handler);
  }
  converse(4);
  return unused;
}

int main(int argc, char** argv) {
  pthread_attr_t attributes;
  pthread_t thread;

  if (argc != 3) return 2;
  handler_is_above = strcmp(argv[2], "above") == 0;
  stacks = (char*)mmap(NULL, (size_t)3 * STACK_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  begin(argv[1]);
  pthread_attr_init(&attributes);
  check(pthread_attr_setstack(&attributes, stacks + STACK_BYTES, STACK_BYTES) == 0, "set a stack");
  check(pthread_create(&thread, &attributes, converse_interrupted, NULL) == 0, "make a thread");
  check(pthread_join(thread, NULL) == 0, "join a thread");
  return 0;
}
