// Ending a batch between two pictures when the user asks for it.
#pragma once

namespace backlight::tools {

/// Gives every signal back what it did when the process began: libraries take some while they are loaded (UCX, behind
/// MPI, takes SIGHUP, also where `nohup` had it ignored).
void take_signals_back();

/// From now on the first SIGINT, SIGTERM or SIGHUP is only taken down; a second one, of whichever kind, ends
/// the process as ever.
/// A signal that was ignored before stays ignored.
void take_down_interrupts();

/// The signal that was taken down, or 0.
int interrupted_by();

}  // namespace backlight::tools
