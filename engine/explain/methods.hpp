// The methods by name, for every front end: what each needs, costs and answers. Their equations are in methods/.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/explain/display.hpp"
#include "engine/explain/probe.hpp"

namespace backlight {

/// What a map is made of: the picture alone; or the maps of inputs around it, x + N(0, σ²), of which it is the mean
/// (SmoothGrad, arXiv:1706.03825), the mean of the squares (PAIR's SmoothGrad, ROAR) or the variance
/// (arXiv:1806.10758); or the mean of its scaled maps, turned back, of x mirrored or not, times 0.9, 1 and 1.1:
/// pytorch-grad-cam's aug_smooth, whose map has the input's size.
enum class Smoothing : std::uint8_t { none, mean, mean_square, variance, augmentation };

/// How an integral from the baseline to the picture is summed.
enum class PathRule : std::uint8_t { gauss_legendre, trapezoid };

/// How C×H×W values become a map of H×W.
enum class ChannelReduction : std::uint8_t { max_abs, sum_abs, sum };

/// From where integrated gradients and their kin come, and how.
struct Path {
  /// 1×C×H×W, of GradientSHAP M×C×H×W, from which it draws; null: zeros, the mean colour of a normalised input.
  std::shared_ptr<const Tensor> baseline = {};
  PathRule rule = PathRule::gauss_legendre;
  int steps = 50;  ///< GradientSHAP's draws, too
};

/// The least and the greatest values that an input can have, black's and white's of pictures: 1×C×H×W each.
struct InputRange {
  Tensor least, greatest;
};

/// What occlusion slides over the input, in its pixels. The last windows of a row and column are cut at the rim.
struct Window {
  int side = 0;    ///< of the square
  int stride = 0;  ///< from one to the next, no more than the side
};

/// The masks of RISE: a grid of cells, each kept with a probability, enlarged and shifted (methods/rise.cpp).
struct RandomMasks {
  int count = 4000;
  int grid = 7;       ///< cells a side, 256 at most
  double keep = 0.5;  ///< above 0, 1 at most
};

/// What is asked about each image of a batch.
struct Question {
  Target target;
  std::optional<NodeId> layer = {};          ///< where methods of Needs::layer look; others do not read it
  Preset preset = Preset::pytorch_grad_cam;  ///< whose formula, and whose product
  /// Of a map Σ_k T_k over channels, the first principal component of the terms in the sum's place, centred: what
  /// pytorch-grad-cam calls so. Its sign is the sum's.
  bool eigen_smooth = false;
  std::vector<NodeId> more_layers =
      {};  ///< where methods at a layer look, too, for one map of all (`fused_map`)
  std::optional<ChannelReduction> channels = {};  ///< makes a map of a gradient
  /// Steps of the path average (layer_path.hpp) in the place of a layer's gradient; 1 is the gradient itself.
  int path_average = 1;
  Path path = {};
  Smoothing smoothing = Smoothing::none;
  int samples = 25;        ///< of a smoothing by noise
  double noise = 0.15;     ///< σ as a share of the input's range
  /// Of the noise, of RISE's masks and of GradientSHAP's draws, which are the same for every picture.
  std::uint64_t seed = 0;
  /// Its pixels become the path's baseline. Without: a 14th of the input's shorter side, one behind the other.
  std::optional<Window> window = {};
  RandomMasks masks = {};
  /// Of LRP's z-box rule; null: what each channel of each picture has itself.
  std::shared_ptr<const InputRange> range = {};
  /// How many inputs go through the network together; no bit of the answer depends on it.
  std::int64_t batch_bytes = kTailBytes;
  /// Called, where it is given, while changed pictures go through the network: how many of them are done.
  std::function<void(std::int64_t done, std::int64_t all)> progress = {};
};

/// Whether attributions add up to what they are of.
struct Completeness {
  double sum = 0;       ///< of the attributions
  double expected = 0;  ///< target of the picture minus target of the baseline
};

/// The answer about one image, in the shapes that display.hpp takes.
struct Result {
  /// h×w, raw and signed, of methods that are built on a map; α, of K channels, where they have weights.
  std::optional<ClassMap> map;
  Tensor gradient;  ///< C×H×W in the network's order of channels, of methods to the input; else undefined
  std::optional<Completeness> completeness;  ///< of methods that promise it

  /// What the method gives: the gradient, else the map.
  const Tensor& raw() const { return gradient.defined() ? gradient : map->map; }

  /// As display.hpp shows maps and gradients, a gradient in the order R G B: on the picture that the user
  /// gave, at its size.
  Image overlay(const Image& source, const Placement& placement, Preset preset) const;
  /// The map alone, at the picture's size; a gradient at the input's.
  Image heatmap(const Placement& placement, Preset preset) const;
  /// Where the map's evidence lies on the picture; nothing without a map.
  std::optional<Box> box(const Placement& placement, Preset preset) const;
};

/// A row of data rather than a class to derive from: what is said of a method can be listed, and all that
/// differs in code is one function.
struct Method {
  /// What the probe must have been made with.
  struct Needs {
    bool layer = false;           ///< the question's layer, whose map the result then holds
    bool cam_head = false;        ///< the features of `find_cam_head`, whose map the result then holds
    bool input_gradient = false;  ///< the gradient of the input, which the result then holds, or a map of it
  };

  /// Where global average pooling and one linear layer end a network, the gradient of the pooled features is the same
  /// at every position, and methods that differ elsewhere have one map.
  struct Identity {
    std::string_view to = {};          ///< the method whose map this one's is there, up to a factor
    bool non_negative = false;         ///< only of features that have no negative values
    std::optional<Preset> under = {};  ///< only under this preset
  };

  std::string_view name;
  std::string_view summary;  ///< what it shows, in less than a line
  std::string_view paper;    ///< or the program that has it alone
  Needs needs = {};
  BackwardRule rule = BackwardRule::standard;  ///< under which it goes to the input
  int forwards = 1;   ///< of the picture one serves all methods and targets; more are the method's own
  int backwards = 0;  ///< per target
  /// "channel", "position": for each of them what follows the layer runs once more for a target; empty: not at all.
  std::string_view tails = {};
  /// "channel", "window": for each of them the picture, changed, goes through all of the network once more, for all
  /// targets; empty: not at all.
  std::string_view passes = {};
  bool counterfactual = false;  ///< whether what would lower the score has a meaning
  bool class_dependent = true;  ///< false: the same whatever is asked about
  bool smoothable = false;      ///< whether eigen_smooth has a meaning
  Identity identity = {};
  double fusion_gain = 0;  ///< γ of `fused_map`
  std::optional<ChannelReduction> channels =
      {};  ///< where a question names none; without, the gradient is the result
  std::span<const Preset> presets = kPresets;  ///< that define it
  /// Whether it has a meaning for a network with such an operation between its input and its scores; null: for all.
  bool (*is_defined_for)(OpKind kind) = nullptr;
  std::vector<Result> (*answer)(Probe& probe, const Question& question, BackwardRule rule) = nullptr;

  /// Whether it weighs by a layer's gradient, which a path average can stand for.
  bool takes_path_average() const { return needs.layer && backwards > 0; }
  /// Whether the probe must have been made with tails.
  bool needs_tails(const Question& question) const { return !tails.empty() || question.path_average != 1; }
  /// Whether the result of a question is a gradient, C×H×W, or a map.
  bool gives_gradient(const Question& question) const {
    return needs.input_gradient && !question.channels && !channels;
  }
  /// Where it looks in a network: at `chosen`, at its head, or nowhere. Throws Error(unsupported) for a network
  /// without the head that it needs, and as require_network.
  std::optional<NodeId> layer_in(const Network& network, NodeId chosen) const;
  /// Throws Error(unsupported), naming them, where a network has operations that it is not defined for.
  void require_network(const Network& network) const;
  /// Activations of a network at which its rule is not defined, and how many layers are of each kind. The plain
  /// gradient is taken there.
  std::map<OpKind, int> plain_gradient_at(const Network& network) const;
  /// The same in a sentence; empty where the rule is defined at every activation.
  std::string plain_gradient_note(const Network& network) const;
  /// The method that gives this one's map, up to a factor, at this layer of this network; empty where none does.
  std::string_view identical_to(const Network& network, NodeId layer, Preset preset) const;
  /// One result per image. Throws Error(usage) for a counterfactual, smoothing or path average without meaning, for
  /// numbers out of range, a missing layer and a baseline of another shape, Error(unsupported) for a preset or a
  /// network that the method is not defined for, and what Probe throws.
  std::vector<Result> explain(Probe& probe, const Question& question) const;
  /// The method itself: without what a question makes of its answers, but for the joining of layers.
  std::vector<Result> ask(Probe& probe, const Question& question) const;
  /// The part of this that needs no network.
  void require_defined(const Question& question) const;
  /// `has no meaning for gradient; it has for grad-cam and cam`, of a method without a counterfactual.
  std::string no_counterfactual() const;
  /// The same of eigen_smooth.
  std::string no_smoothing() const;
  /// The same of the path average.
  std::string no_path_average() const;
};

/// C×H×W, in the host's memory, as a map of H×W.
Tensor reduced(const Tensor& gradient, ChannelReduction how);

/// All of them, in the order in which they are listed to people.
std::span<const Method> methods();
/// Throws Error(usage) with the nearest names.
const Method& find_method(std::string_view name);
/// `grad-cam, cam and gradient`: the names of those that are so.
std::string names_of_methods(bool (*so)(const Method&));

}  // namespace backlight
