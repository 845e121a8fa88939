#include "engine/run/programs.hpp"

#include <algorithm>

namespace backlight {

std::shared_ptr<const Program> Programs::get(const Context& context, std::span<const TensorType> inputs,
                                             ProgramOptions options) {
  options.optimise = optimise_;
  const std::lock_guard lock(mutex_);
  std::erase_if(entries_, [&](const Entry& e) { return !e.program->is_made_of(network_.weights()); });
  const auto found = std::ranges::find_if(entries_, [&](const Entry& e) {
    return e.device == context.device() && e.isa == context.isa() && std::ranges::equal(e.inputs, inputs) &&
           e.asked == options;
  });
  if (found != entries_.end()) {
    entries_.splice(entries_.begin(), entries_, found);
    return found->program;
  }
  auto program = std::make_shared<const Program>(network_, context, inputs, options);
  entries_.push_front(
      {context.device(), context.isa(), {inputs.begin(), inputs.end()}, std::move(options), program});
  if (entries_.size() > limit_) entries_.pop_back();
  return program;
}

}  // namespace backlight
