// Adversarial pictures: changed so little that nobody sees it, until the network is sure of a class that is not
// there, by iterated sign steps (Kurakin et al. 2016, arXiv:1607.02533). What its maps still show is the Grad-CAM
// paper's question (section 6.2).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/core/function_ref.hpp"
#include "engine/explain/target.hpp"
#include "engine/image/image.hpp"
#include "engine/run/programs.hpp"
#include "kernels/preprocess/preprocess.hpp"

namespace backlight {

/// In whole levels of 8-bit samples, so that each step is one of pictures that a file holds.
struct AttackOptions {
  int epsilon = 8;              ///< the most that a sample changes, 1 to 255
  int step = 1;                 ///< by which it changes at once, 1 to 255
  int steps = 100;              ///< at most
  double probability = 0.9999;  ///< of the class; above it the attack is done
};

struct Attacked {
  Image image;
  int steps = 0;           ///< that were made
  double before = 0;       ///< probability of the class, of the picture that was given
  double probability = 0;  ///< of `image`
};

/// Of each sample s, which was s₀ in the original: s ← min(max(s + step·sign(∂/∂s), s₀ − ε, 0), s₀ + ε, 255). The
/// gradient is that of the network's input, C×H×W; as std is positive, its sign is that of the samples' own. Of a
/// network of one channel the three samples of a grey pixel move as one. Throws Error(usage) for sizes that do not
/// fit.
void sign_step(Image& image, const Image& original, std::span<const float> gradient, const Preprocessing& how,
               const AttackOptions& options);

/// Pictures of one size as the network sees them (Fitted::seen), each made to look like its class of `towards` by
/// steps along the gradient of the class's log p, until p exceeds the probability or the steps are made. They go
/// through the network together, which changes no bit of any; the programs' network lies in the context's memory.
/// `done` is told how many pictures are ready after each step. Throws Error(usage) for options out of range, for
/// pictures of other sizes, and as Explanation::target; Error(unsupported) for a network that takes alpha, which a
/// PNG of colours does not hold.
std::vector<Attacked> attack(Programs& programs, Context& context, std::span<const Image> seen,
                             std::span<const std::int64_t> towards, bool sigmoid, const Preprocessing& how,
                             const AttackOptions& options, FunctionRef<void(std::size_t done)> done);

/// A perturbation of the same size by any norm: each sample as far from the original as in `attacked`, up or down by
/// chance, where both lie within 0…255. A pure function of its arguments.
Image random_twin(const Image& original, const Image& attacked, const Preprocessing& how, std::uint64_t seed);

/// 128 + factor·(b − a), cut to 0…255. Throws Error(usage) for pictures of two sizes.
Image difference(const Image& a, const Image& b, int factor = 16);

}  // namespace backlight
