// SPDX-License-Identifier: Apache-2.0
/*
 * coroutines PORT COUNT rising|falling THREADS STACK_KIB: a coroutine for each connection, which
 * yields in its BIO's callbacks, within SSL calls, as those do that replace read(2) and write(2).
 * Stacks lie side by side, at rising or falling addresses. With more than one thread each coroutine
 * is resumed by another one than it yielded on.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "tls_client.h"

enum { MOST = 32, MOST_THREADS = 4, ROUNDS = 3 };

struct coroutine {
  struct connection connection;
  ucontext_t own;
  ucontext_t* resumer; /* of the thread that it runs on */
  int done;
};

static struct coroutine coroutines[MOST];
static int count, threads, left;
static size_t stack_bytes;
static pthread_barrier_t everybody;

/* On whichever thread it goes on. */
static __attribute__((noinline)) void yield(struct coroutine* self) {
  swapcontext(&self->own, self->resumer);
}

static int nothing_to_read(const struct connection* connection) {
  struct pollfd readable = {.fd = connection->fd, .events = POLLIN};

  return poll(&readable, 1, 0) == 0;
}

/* Once at least, so that the others' calls begin within this one. */
static void yield_in_bio(struct connection* connection, enum way way) {
  struct coroutine* self = (struct coroutine*)connection;

  do yield(self);
  while (way == TO_READ && nothing_to_read(connection));
}

static void talk(int index) {
  struct coroutine* self = &coroutines[index];

  prepare(&self->connection, index);
  shake_hands(&self->connection);
  for (int i = 0; i < ROUNDS; i++) {
    say(&self->connection);
    hear(&self->connection);
  }
  self->done = 1;
  yield(self);
}

static void prepare_coroutines(int rising) {
  char* stacks = (char*)mmap(NULL, stack_bytes * MOST, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  for (int i = 0; i < count; i++) {
    struct coroutine* coroutine = &coroutines[i];

    getcontext(&coroutine->own);
    coroutine->own.uc_stack.ss_sp = stacks + stack_bytes * (size_t)(rising ? i : count - 1 - i);
    coroutine->own.uc_stack.ss_size = stack_bytes;
    makecontext(&coroutine->own, (void (*)(void))talk, 1, i);
  }
}

/* Sleeps until one that waits for the server can go on. */
static void await_readable(void) {
  struct pollfd sockets[MOST];

  for (int i = 0; i < count; i++)
    sockets[i] = (struct pollfd){.fd = coroutines[i].done ? -1 : coroutines[i].connection.fd,
                                 .events = POLLIN};
  poll(sockets, (nfds_t)count, 1);
}

/* In every turn each thread has other coroutines than in the one before. */
static void* run(void* argument) {
  int self = (int)(intptr_t)argument;
  ucontext_t here;

  for (int turn = 0; left; turn++) {
    for (int i = 0; i < count; i++) {
      if (coroutines[i].done || (i + turn) % threads != self) continue;
      coroutines[i].resumer = &here;
      swapcontext(&here, &coroutines[i].own);
    }
    pthread_barrier_wait(&everybody);
    if (self == 0) {
      left = 0;
      for (int i = 0; i < count; i++) left += !coroutines[i].done;
      await_readable();
    }
    pthread_barrier_wait(&everybody);
  }
  return NULL;
}

int main(int argc, char** argv) {
  pthread_t others[MOST_THREADS];

  if (argc != 6) return 2;
  count = atoi(argv[2]);
  threads = atoi(argv[4]);
  stack_bytes = (size_t)atoi(argv[5]) << 10;
  if (count < 1 || count > MOST || threads < 1 || threads > MOST_THREADS) return 2;
  prepare_coroutines(strcmp(argv[3], "rising") == 0);
  pthread_barrier_init(&everybody, NULL, (unsigned)threads);
  begin(argv[1]);
  in_bio = yield_in_bio;
  left = count;
  for (int i = 1; i < threads; i++)
    check(pthread_create(&others[i], NULL, run, (void*)(intptr_t)i) == 0, "make a thread");
  run(NULL);
  for (int i = 1; i < threads; i++) pthread_join(others[i], NULL);
  for (int i = 0; i < count; i++) end(&coroutines[i].connection);
  return 0;
}
