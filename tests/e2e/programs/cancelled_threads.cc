// SPDX-License-Identifier: Apache-2.0
// cancelled_threads PORT: cancels threads that wait in SSL_read, whose destructors above it run.
#include <pthread.h>
#include <semaphore.h>

#include <mutex>

#include "tls_client.h"

namespace {

constexpr int kTimes = 4;

std::mutex mutex;
sem_t waiting;
bool nothing_more_comes = false;
int frames_left = 0;

struct Frame {
  ~Frame() { ++frames_left; }
};

/// What comes next is recv(2), where a thread may be cancelled, with nothing to receive.
void TellThatItWaits(connection*, way way) {
  if (way == TO_READ && nothing_more_comes) sem_post(&waiting);
}

[[gnu::noinline]] void Hear(connection* connection) {
  const Frame frame;
  hear(connection);
}

void* Converse(void* argument) {
  auto* const our_connection = static_cast<connection*>(argument);
  shake_hands(our_connection);
  say(our_connection);
  hear(our_connection);
  const std::lock_guard<std::mutex> lock(mutex);
  nothing_more_comes = true;
  Hear(our_connection);
  return nullptr;
}

}  // namespace

int main(int, char** argv) {
  int number = 0;

  begin(argv[1]);
  sem_init(&waiting, 0, 0);
  in_bio = TellThatItWaits;
  for (int time = 0; time < kTimes; ++time) {
    connection connection;
    pthread_t thread;
    void* result = nullptr;
    nothing_more_comes = false;
    // By SSL_read or SSL_read_ex in turn, as the number is even or odd.
    prepare(&connection, number++);
    pthread_create(&thread, nullptr, Converse, &connection);
    sem_wait(&waiting);
    pthread_cancel(thread);
    pthread_join(thread, &result);
    const bool released = mutex.try_lock();
    if (released) mutex.unlock();
    nothing_more_comes = false;
    std::printf("a thread %s, its lock is %s, %d frames left\n",
                result == PTHREAD_CANCELED ? "was cancelled" : "returned",
                released ? "released" : "held", frames_left);
    end(&connection);
    if (!released) return 1;
    if (time % 2 != 0) converse(number++), converse(number++);
  }
}
