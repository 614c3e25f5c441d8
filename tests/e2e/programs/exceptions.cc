// SPDX-License-Identifier: Apache-2.0
// exceptions PORT: throws from a BIO's callbacks out of SSL_do_handshake, SSL_read and SSL_write,
// catches it above, and goes on with other connections.
#include <stdexcept>

#include "tls_client.h"

namespace {

constexpr int kTimes = 3;

/// How often what is above the SSL call was left by its destructor.
int frames_left = 0;

struct Frame {
  ~Frame() { ++frames_left; }
};

void ThrowToRead(connection*, way way) {
  if (way == TO_READ) throw std::runtime_error("what reads");
}

void ThrowToWrite(connection*, way way) {
  if (way == TO_WRITE) throw std::runtime_error("what writes");
}

using Callback = void (*)(connection*, way);
using Step = void (*)(connection*);

/// Takes a step of which a callback makes an exception.
[[gnu::noinline]] void Take(Step step, connection* connection, Callback callback) {
  const Frame frame;
  in_bio = callback;
  step(connection);
}

void Try(const char* what, Step step, connection* connection, Callback callback) {
  try {
    const Frame frame;
    Take(step, connection, callback);
    std::printf("%s: nothing was thrown\n", what);
  } catch (const std::runtime_error& error) {
    std::printf("%s: %s threw, %d frames left\n", what, error.what(), frames_left);
  }
  in_bio = nullptr;
  end(connection);
}

}  // namespace

int main(int, char** argv) {
  int number = 0;
  connection connection;

  begin(argv[1]);
  for (int time = 0; time < kTimes; ++time) {
    for (const Callback callback : {ThrowToRead, ThrowToWrite}) {
      prepare(&connection, number++);
      Try("a handshake", shake_hands, &connection, callback);
      converse(number++);
    }
    // By SSL_read or SSL_read_ex in turn, as the number is even or odd.
    prepare(&connection, number++);
    shake_hands(&connection);
    say(&connection);
    hear(&connection);
    say(&connection);
    Try("a read", hear, &connection, ThrowToRead);

    prepare(&connection, number++);
    shake_hands(&connection);
    say(&connection);
    hear(&connection);
    Try("a write", say, &connection, ThrowToWrite);
    converse(number++);
  }
}
