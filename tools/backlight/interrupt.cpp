#include "tools/backlight/interrupt.hpp"

#include <array>
#include <csignal>
#include <initializer_list>

namespace backlight::tools {
namespace {

volatile std::sig_atomic_t signal_taken = 0;

#ifdef __linux__
std::array<struct sigaction, NSIG> given_signals;

void take_note_of_signals(int, char**, char**) {
  for (int signal = 1; signal < NSIG; ++signal) sigaction(signal, nullptr, &given_signals[signal]);
}

/// The loader calls what stands here before it begins with the libraries.
[[gnu::section(".preinit_array"), gnu::used]] void (*const first_of_all)(int, char**,
                                                                         char**) = take_note_of_signals;
#endif

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

void take_signals_back() {
#ifdef __linux__
  for (int signal = 1; signal < NSIG; ++signal) sigaction(signal, &given_signals[signal], nullptr);
#endif
}

void take_down_interrupts() { handle_each(take_down); }

int interrupted_by() { return signal_taken; }

}  // namespace backlight::tools
