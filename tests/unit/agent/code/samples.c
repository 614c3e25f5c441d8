// SPDX-License-Identifier: Apache-2.0
/*
 * Functions of the shapes that TLS libraries have, compiled with one set of options after the
 * other. Each returns how much it moved, or 0 or less. Their arguments: an object, a buffer, its
 * size, where to put how much was moved.
 */
#include <stddef.h>
#include <string.h>

#define NOINLINE __attribute__((noinline))
#define COLD __attribute__((noinline, cold))

struct object {
  int state;
  int errors;
  int (*move)(struct object*, char*, long, size_t*);
  char bytes[256];
};

void samples_exit(int);

static COLD void complain(struct object* object, int code) { object->errors += code; }

static COLD __attribute__((noreturn)) void give_up(int code) {
  samples_exit(code);
  __builtin_trap();
}

static NOINLINE int move_bytes(struct object* object, char* buffer, long size, size_t* moved) {
  if (size < 0) return -1;
  if (size > (long)sizeof(object->bytes)) size = sizeof(object->bytes);
  memcpy(buffer, object->bytes, (size_t)size);
  *moved = (size_t)size;
  object->state++;
  return size > 0;
}

/* As SSL_read: checks, an inner call, the count from a local. */
int sample_wrapper(struct object* object, char* buffer, long size, size_t* moved) {
  size_t count = 0;
  int result;

  if (size < 0) {
    complain(object, 7);
    return -1;
  }
  result = move_bytes(object, buffer, size, &count);
  if (result > 0) {
    *moved = count;
    result = (int)count;
  }
  return result;
}

/* As SSL_read_ex. */
int sample_clamped(struct object* object, char* buffer, long size, size_t* moved) {
  int result;

  object->errors++; /* nobody can tell where a call begins that begins with another */
  result = move_bytes(object, buffer, size, moved);
  return result < 0 ? 0 : result;
}

/* Several returns, one behind a call through a pointer. */
int sample_returns(struct object* object, char* buffer, long size, size_t* moved) {
  if (!object) return -1;
  if (size == 0) return 0;
  if (object->state == 3) {
    complain(object, 1);
    return -2;
  }
  if (size < 0) give_up(3);
  if (size > 5) return object->move(object, buffer, size, moved) + 1;
  buffer[0] = object->bytes[0];
  *moved = 1;
  return 1;
}

/* A loop around what moves, as records make. */
int sample_loop(struct object* object, char* buffer, long size, size_t* moved) {
  long done = 0;
  size_t part;

  while (done < size) {
    if (object->move(object, buffer + done, 3, &part) <= 0) break;
    done += (long)part;
    if (object->state > 5) return -1;
  }
  *moved = (size_t)done;
  return (int)done;
}

/* A jump table. */
int sample_switch(struct object* object, char* buffer, long size, size_t* moved) {
  switch ((unsigned)size) {
    case 0:
      return 0;
    case 1:
      complain(object, 4);
      return -1;
    case 2:
      buffer[1] = 'x';
      break;
    case 3:
      object->move(object, buffer, 7, moved);
      break;
    case 4:
      return object->move(object, buffer, 9, moved) + 1;
    case 5:
      object->state = 9;
      /* fall through */
    case 6:
      buffer[2] = object->bytes[7];
      break;
    case 7:
      memset(buffer, 'y', 9);
      break;
    default:
      give_up(2);
  }
  *moved = (size_t)size;
  return (int)size;
}

/* Ends by a jump to another function, where that is how calls in the last place are made. */
int sample_tail(struct object* object, char* buffer, long size, size_t* moved) {
  if (size < 2) return -1;
  object->errors++;
  return move_bytes(object, buffer, size - 1, moved);
}

/* Ends by a jump to where a pointer says, where that is how calls in the last place are made. */
int sample_pointer_tail(struct object* object, char* buffer, long size, size_t* moved) {
  if (size < 2) return -1;
  object->errors++;
  return object->move(object, buffer, size - 1, moved);
}

/* Needs its stack aligned, and reads the result from there. */
int sample_aligned(struct object* object, char* buffer, long size, size_t* moved) {
  char local[64] __attribute__((aligned(64)));
  size_t count = 0;

  if (size > 64 || size < 0) return -1;
  object->move(object, local, size, &count);
  memcpy(buffer, local, (size_t)size);
  *moved = count;
  return (int)count;
}

/* A frame whose size is known when it runs. */
int sample_dynamic(struct object* object, char* buffer, long size, size_t* moved) {
  char* local;

  if (size < 1 || size > 100) return 0;
  local = __builtin_alloca((size_t)size);
  if (object->move(object, local, size, moved) <= 0) return -1;
  memcpy(buffer, local, (size_t)size);
  return (int)size;
}

/* Many values to keep over calls. */
int sample_busy(struct object* object, char* buffer, long size, size_t* moved) {
  long a = object->state, b = size * 3, c = a ^ b, d = c + size, e = d * 5, f = e - a;
  int result = -1;

  if (__builtin_expect(size < 0, 0)) goto out;
  object->move(object, buffer, size, moved);
  a += object->state;
  complain(object, (int)(a + b));
  c += d + e;
  complain(object, (int)(c + f));
  if (__builtin_expect(object->errors == 0, 0)) {
    complain(object, 1);
    goto out;
  }
  result = (int)(size + ((a + b + c + d + e + f) & 1));
out:
  object->state = 0;
  return result;
}
