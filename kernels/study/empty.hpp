// The least that a launch takes.
#pragma once

namespace backlight {
class Context;
}

namespace backlight::study {

/// One thread that does nothing, in the context's stream.
void empty(Context& context);

}  // namespace backlight::study
