// One rung of a ladder: a version of a kernel under a name, and the function that launches it.
#pragma once

namespace backlight::study {

template <class Launch>
struct Version {
  const char* name;
  Launch* run;
};

}  // namespace backlight::study
