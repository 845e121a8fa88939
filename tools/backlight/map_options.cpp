#include "tools/backlight/map_options.hpp"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>

#include "tools/backlight/class_names.hpp"
#include "tools/backlight/names.hpp"

namespace backlight::tools {
namespace {

constexpr std::array<std::pair<std::string_view, ChannelReduction>, 3> kReductions{
    {{"max", ChannelReduction::max_abs},
     {"sum-abs", ChannelReduction::sum_abs},
     {"sum", ChannelReduction::sum}}};
constexpr std::array<std::pair<std::string_view, Smoothing>, 4> kSmoothings{
    {{"smoothgrad", Smoothing::mean},
     {"smoothgrad-squared", Smoothing::mean_square},
     {"vargrad", Smoothing::variance},
     {"augmentation", Smoothing::augmentation}}};
constexpr std::array<std::pair<std::string_view, PathRule>, 2> kRules{
    {{"gauss-legendre", PathRule::gauss_legendre}, {"trapezoid", PathRule::trapezoid}}};
constexpr std::array<std::pair<std::string_view, Baseline>, 3> kBaselines{
    {{"mean", Baseline::mean}, {"black", Baseline::black}, {"blur", Baseline::blur}}};

template <class T, std::size_t N>
std::string_view choice_of(T value, const std::array<std::pair<std::string_view, T>, N>& choices) {
  return std::ranges::find(choices, value, &std::pair<std::string_view, T>::second)->first;
}

/// "CLASS" or "CLASS=WEIGHT".
std::pair<std::string, double> class_and_weight(const std::string& name) {
  const std::size_t at = name.rfind('=');
  if (at == std::string::npos) return {name, 1};
  double weight = 0;
  const char* const end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data() + at + 1, end, weight);
  if (error != std::errc() || stop != end || !std::isfinite(weight) || weight == 0)
    throw Error(ErrorKind::usage, "--against ", name, ": the weight is '", name.substr(at + 1),
                "', expected a number other than 0, as in --against lynx=0.5");
  return {name.substr(0, at), weight};
}

Json choose_target(const MapOptions& options, const Model& model, Request& request, Console& console) {
  Target& target = request.question.target;
  target.sigmoid = model.scores == ScoreFunction::sigmoid;
  Json json{{"aim", name_of(target.aim)}, {"others", Json::array()}};
  const std::vector<std::string> names =
      options.against.empty() ? std::vector<std::string>() : file_safe_classes(model.labels);
  for (const std::string& asked : options.against) {
    const auto [name, weight] = class_and_weight(asked);
    const ClassChoice choice = find_class(model.labels, model.wordnet_ids, name);
    if (!choice.remark.empty()) console.note("--against ", choice.remark);
    target.others.push_back({choice.index, -weight});
    Json entry = class_json(model, choice.index);
    entry["weight"] = -weight;
    json["others"].push_back(std::move(entry));
    request.choices += (target.others.size() == 1 ? "_against-" : "-") +
                       names.at(static_cast<std::size_t>(choice.index)) +
                       (weight == 1 ? "" : text("-", weight));
  }
  // Refuses what has no meaning before there is a picture.
  Target any = target;
  any.classes = {0};
  evaluate(any, Tensor::zeros({1, model.outputs}));
  return json;
}

/// A name, or a picture prepared as those that are explained, or all of a folder.
Json choose_baseline(const MapOptions& options, const Model& model, Request& request, Console& console) {
  const std::string name = options.baseline.value_or("mean");
  for (const auto& [known, baseline] : kBaselines)
    if (known == name) {
      request.baseline = baseline;
      return name;
    }
  const PictureList list = list_pictures({.inputs = {name}}, console);
  Tensor all;
  for (const PictureSource& source : list.pictures) {
    const Image picture = source.read(request.exif, model.info.preprocessing.alpha(), console);
    const Tensor x = fit_picture(picture, model, request.fit, request.input_gradient).x;
    if (!all.defined()) all = Tensor(x.shape().with(0, std::ssize(list.pictures)), x.dtype());
    if (x.shape() != all.shape().with(0, 1))
      throw Error(ErrorKind::bad_input, source.path, ": ", x.shape(), " to the network, expected ",
                  all.shape().with(0, 1), " as of ", request.baseline_files.front(),
                  "; choose another --fit");
    std::ranges::copy(x.values(), all.data<float>() + std::ssize(request.baseline_files) * x.numel());
    request.baseline_files.push_back(source.path);
  }
  request.question.path.baseline = std::make_shared<const Tensor>(std::move(all));
  return name;
}

}  // namespace

void add_map_options(CLI::App& command, MapOptions& options) {
  const auto add = [&](const char* name, auto& value, const std::string& help, const char* type) {
    return command.add_option(name, value, help)->group("Question")->type_name(type);
  };
  add("--target", options.target,
      "What of the class: score, probability, log-probability, finer (against the classes most like it), "
      "finer-pytorch-grad-cam, finer-torch-cam [score]",
      "NAME");
  add("--against", options.against,
      "Explain the difference to this class, or to WEIGHT times it; several times for several",
      "N|NAME[=WEIGHT]")
      ->allow_extra_args(false);
  command.add_flag("--counterfactual", options.counterfactual, "What would lower the score")
      ->group("Question");
  command
      .add_flag("--eigen-smooth", options.eigen_smooth,
                "First principal component of a map's channels in the sum's place")
      ->group("Question");
  add("--path", options.path,
      "Average a layer's gradient over so many steps from nothing to its value: for networks that saturate "
      "[1]",
      "N")
      ->check(CLI::Range(1, 10'000));
  add("--channels", options.channels,
      "A map of what goes to the input, over its channels: max or sum-abs of magnitudes, or sum", "NAME");
  add("--smooth", options.smooth,
      "Mean, mean square or variance of maps under noise: smoothgrad, smoothgrad-squared, vargrad; mean of "
      "the "
      "scaled maps of the picture mirrored and in other contrasts: augmentation",
      "NAME");
  add("--samples", options.samples, "Draws of the noise [25]", "N")->check(CLI::Range(1, 100'000));
  add("--noise", options.noise, "σ of the noise, as a share of the input's range [0.15]", "SHARE")
      ->check(CLI::Range(0.0, 10.0));
  add("--seed", options.seed,
      "Of the noise, of gradient-shap's draws and of rise's masks, which are the same for every picture [0]",
      "N");
  add("--baseline", options.baseline,
      "From where integrated-gradients and gradient-shap come, what deep-lift compares with, and what "
      "occlusion puts in a window: mean, black, blur, or a picture; for gradient-shap also a folder of them, "
      "from which it draws [mean]",
      "NAME|FILE|DIR");
  add("--path-rule", options.rule, "How they are summed: gauss-legendre, trapezoid [gauss-legendre]", "NAME");
  add("--steps", options.steps, "Steps of their path, and draws of gradient-shap [50]", "N")
      ->check(CLI::Range(2, 100'000));
  add("--window", options.window, "Side of occlusion's window, in pixels of the input [a 14th of its side]",
      "N")
      ->check(CLI::Range(1, 100'000));
  add("--stride", options.stride, "From one window to the next [the window's side]", "N")
      ->check(CLI::Range(1, 100'000));
  add("--masks", options.masks, text("Masks of rise [", RandomMasks().count, "]"), "N")
      ->check(CLI::Range(1, 100'000));
  add("--keep", options.keep, text("Probability that a cell of a mask is kept [", RandomMasks().keep, "]"),
      "P")
      ->check(CLI::Range(0.0, 1.0));
  add("--grid", options.grid, text("Cells of a mask, along a side [", RandomMasks().grid, "]"), "N")
      ->check(CLI::Range(1, 256));
}

void parse_map_options(const MapOptions& options, Request& request) {
  Question& question = request.question;
  std::string& choices = request.choices;
  const auto take = [&](const std::optional<std::string>& given) {
    if (given) choices += "_" + *given;
  };
  question.target.direction = options.counterfactual ? Direction::counterfactual : Direction::evidence;
  if (options.target) question.target.aim = parse_aim(*options.target);
  question.eigen_smooth = options.eigen_smooth;
  question.path_average = options.path.value_or(question.path_average);
  if (options.channels)
    question.channels = parse_choice("reduction of channels", *options.channels, kReductions);
  if (options.smooth) question.smoothing = parse_choice("smoothing", *options.smooth, kSmoothings);
  if (options.rule) question.path.rule = parse_choice("path rule", *options.rule, kRules);
  const bool noisy = options.smooth && question.smoothing != Smoothing::augmentation;
  if ((options.samples || options.noise) && !noisy)
    throw Error(ErrorKind::usage,
                "--samples and --noise are of a smoothing by noise; ask for --smooth smoothgrad, "
                "smoothgrad-squared or vargrad");
  question.samples = options.samples.value_or(question.samples);
  question.noise = options.noise.value_or(question.noise);
  question.seed = options.seed.value_or(question.seed);
  question.path.steps = options.steps.value_or(question.path.steps);
  question.masks = {.count = options.masks.value_or(question.masks.count),
                    .grid = options.grid.value_or(question.masks.grid),
                    .keep = options.keep.value_or(question.masks.keep)};

  if (question.target.aim != Aim::score) take(options.target);
  if (question.eigen_smooth) choices += "_eigen";
  if (question.path_average != 1) choices += text("_path", question.path_average);
  take(options.channels);
  take(options.smooth);
  if (options.samples) choices += text("_n", *options.samples);
  if (options.noise) choices += text("_noise", *options.noise);
  if (options.seed) choices += text("_seed", *options.seed);
  if (options.baseline)
    choices += "_" + file_safe((std::filesystem::path(*options.baseline) / "").parent_path().stem().string());
  take(options.rule);
  if (options.steps) choices += text("_steps", *options.steps);
  if (options.window) choices += text("_window", *options.window);
  if (options.stride) choices += text("_stride", *options.stride);
  if (options.masks) choices += text("_masks", *options.masks);
  if (options.keep) choices += text("_keep", *options.keep);
  if (options.grid) choices += text("_grid", *options.grid);
}

Json ask_map_options(const MapOptions& options, const Model& model, Request& request, Console& console) {
  Question& question = request.question;
  Json json;
  json["target"] = choose_target(options, model, request, console);
  json["eigen_smooth"] = question.eigen_smooth;
  json["path_average"] = question.path_average;
  json["channels"] = question.channels ? Json(choice_of(*question.channels, kReductions)) : Json();
  json["smoothing"] = Json();
  if (question.smoothing != Smoothing::none)
    json["smoothing"]["kind"] = choice_of(question.smoothing, kSmoothings);
  const bool noisy = question.smoothing != Smoothing::none && question.smoothing != Smoothing::augmentation;
  if (noisy) {
    json["smoothing"]["samples"] = question.samples;
    json["smoothing"]["noise"] = question.noise;
    json["smoothing"]["seed"] = question.seed;
  }
  request.choices = bounded_choices(request.choices);
  const auto asks_for = [&](std::string_view name) {
    return std::ranges::any_of(request.looks, [&](const Look& look) { return look.method->name == name; });
  };
  const bool integrates = asks_for("integrated-gradients"), draws = asks_for("gradient-shap"),
             compares = asks_for("deep-lift"), occludes = asks_for("occlusion"), masks = asks_for("rise"),
             starts = integrates || draws || compares || occludes;
  const auto refuse = [](bool given, const char* what) {
    if (given) throw Error(ErrorKind::usage, what, ", which is not among the methods asked for");
  };
  refuse(!integrates && options.rule, "--path-rule is of integrated-gradients");
  refuse(!integrates && !draws && options.steps, "--steps are of integrated-gradients and of gradient-shap");
  refuse(!starts && options.baseline,
         "--baseline is of integrated-gradients, gradient-shap, deep-lift and occlusion");
  refuse(!occludes && (options.window || options.stride), "--window and --stride are of occlusion");
  refuse(!masks && (options.masks || options.keep || options.grid), "--masks, --keep and --grid are of rise");
  refuse(!masks && !draws && !noisy && options.seed,
         "--seed is of a smoothing by noise, of gradient-shap and of rise");
  json["path"] = json["draws"] = json["deep_lift"] = json["occlusion"] = json["masks"] = Json();
  const Json from = starts ? choose_baseline(options, model, request, console) : Json();
  if (request.baseline_files.size() > 1 && (integrates || compares || occludes))
    throw Error(
        ErrorKind::usage, "--baseline ", *options.baseline, ": ", request.baseline_files.size(),
        " pictures, from which gradient-shap draws; integrated-gradients, deep-lift and occlusion take one");
  if (integrates)
    json["path"] = {{"baseline", from},
                    {"rule", choice_of(question.path.rule, kRules)},
                    {"steps", question.path.steps}};
  if (draws) json["draws"] = {{"baseline", from}, {"count", question.path.steps}, {"seed", question.seed}};
  if (compares) json["deep_lift"] = {{"baseline", from}};
  if (occludes) {
    const int side = options.window.value_or(std::max(1, model.info.preprocessing.input_size / 14));
    question.window = {.side = side, .stride = options.stride.value_or(side)};
    json["occlusion"] = {{"baseline", from}, {"window", side}, {"stride", question.window->stride}};
    find_method("occlusion").require_defined(question);
  }
  if (masks)
    json["masks"] = {{"count", question.masks.count},
                     {"keep", question.masks.keep},
                     {"grid", question.masks.grid},
                     {"seed", question.seed}};
  return json;
}

}  // namespace backlight::tools
