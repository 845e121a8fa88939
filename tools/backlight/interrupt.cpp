#include "tools/backlight/interrupt.hpp"

#include <csignal>
#include <initializer_list>

namespace backlight::tools {
namespace {

volatile std::sig_atomic_t signal_taken = 0;

/// A signal that is ignored (nohup) stays ignored.
void handle_each(void (*handler)(int)) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction action {};
    sigaction(signal, nullptr, &action);
    if (action.sa_handler == SIG_IGN) continue;
    action = {};
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    sigfillset(&action.sa_mask);
    sigaction(signal, &action, nullptr);
  }
}

void take_down(int signal) {
  signal_taken = signal;
  handle_each(SIG_DFL);
}

}  // namespace

void take_down_interrupts() { handle_each(take_down); }

int interrupted_by() { return signal_taken; }

}  // namespace backlight::tools
