#include "tools/interrupt.hpp"

#include <csignal>
#include <initializer_list>

namespace backlight::tools {
namespace {

volatile std::sig_atomic_t signal_taken = 0;

void take_down(int signal) { signal_taken = signal; }

}  // namespace

void take_down_interrupts() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction action {};
    sigaction(signal, nullptr, &action);
    if (action.sa_handler == SIG_IGN) continue;
    action = {};
    action.sa_handler = take_down;
    action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
    sigaction(signal, &action, nullptr);
  }
}

int interrupted_by() { return signal_taken; }

}  // namespace backlight::tools
