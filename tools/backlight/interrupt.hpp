// Ending a batch between two pictures when the user asks for it.
#pragma once

namespace backlight::tools {

/// From now on the first SIGINT, SIGTERM or SIGHUP is only taken down; a second one, of whichever kind, ends
/// the process as ever.
/// A signal that was ignored before stays ignored.
void take_down_interrupts();

/// The signal that was taken down, or 0.
int interrupted_by();

}  // namespace backlight::tools
