// Grad-CAM's answer, which other methods multiply by.
#pragma once

#include "engine/explain/methods.hpp"

namespace backlight {

std::vector<Result> answer_grad_cam(Probe& probe, const Question& question, BackwardRule);

}  // namespace backlight
