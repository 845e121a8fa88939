#include <algorithm>
#include <vector>

#include "tools/c/boundary.hpp"
#include "tools/c/model.hpp"

/// An answer, which needs neither the model nor the picture any more. Read by any number of threads.
struct bl_explanation {
  const backlight::Method* method;
  std::optional<std::string> layer;
  std::int64_t class_index;
  float score;
  double probability;
  std::shared_ptr<const backlight::Image> image;
  backlight::Placement placement;
  backlight::Preset preset;
  backlight::Result result;
};

namespace backlight::c {
namespace {

/// More than anybody asks of one picture.
constexpr std::size_t kMostQuestions = 1 << 16;

/// A question as the library takes it.
struct Asked {
  const Method* method;
  std::optional<NodeId> layer;
  Preset preset;
  std::optional<std::int64_t> class_index;
  Direction direction;
};

Asked asked_of(const bl_question& question, const Model& model) {
  Asked asked{.method = &find_method(question.method ? question.method : "grad-cam"),
              .layer = {},
              .preset = question.preset ? parse_preset(question.preset) : Preset::pytorch_grad_cam,
              .class_index = {},
              .direction = question.counterfactual != 0 ? Direction::counterfactual : Direction::evidence};
  asked.method->require_defined({.target = {{}, asked.direction}, .preset = asked.preset});
  if (question.class_index) asked.class_index = *question.class_index;
  if (question.layer && !asked.method->needs.layer)
    throw Error(ErrorKind::usage, asked.method->name, " looks at no layer of choice; ",
                names_of_methods([](const Method& method) { return method.needs.layer; }), " do");
  const std::string& path = model.info.default_layers.of(asked.preset);
  asked.layer =
      asked.method->layer_in(model.network, model.network.find(question.layer ? question.layer : path));
  return asked;
}

std::vector<Asked> all_asked(const bl_question* questions, std::size_t count, const Model& model) {
  const std::size_t size = taken(questions, "questions").struct_size;
  const char* at = reinterpret_cast<const char*>(questions);
  std::vector<Asked> asked;
  for (std::size_t i = 0; i < count; ++i, at += size) {
    // The caller's element, which may be larger than here.
    const auto* question = reinterpret_cast<const bl_question*>(at);
    if (question->struct_size != size)
      throw Error(ErrorKind::usage, "questions[", i, "].struct_size is ", question->struct_size,
                  ": expected that of the first, ", size);
    asked.push_back(asked_of(taken(question, "questions"), model));
  }
  return asked;
}

std::vector<std::unique_ptr<bl_explanation>> answers(const bl_model& model, Image picture, Fit fit,
                                                     std::span<const Asked> questions) {
  const Network& network = model.model.network;
  std::vector<NodeId> layers;
  bool input_gradient = false, tails = false;
  for (const Asked& asked : questions) {
    if (asked.layer && std::ranges::find(layers, *asked.layer) == layers.end())
      layers.push_back(*asked.layer);
    input_gradient = input_gradient || asked.method->needs.input_gradient;
    tails = tails || asked.method->needs_tails({});
  }
  Fitted fitted = fit_picture(picture, model.model, fit, input_gradient);
  picture.alpha = std::vector<std::uint8_t>();  // what is drawn shows the colours alone
  const auto image = std::make_shared<const Image>(std::move(picture));
  Context context({}, model.threads, Precision::strict, model.isa);
  Probe probe(model.programs, context, std::move(fitted.x), layers, input_gradient, tails);
  const ClassScores scores = class_scores(probe.scores().values(), model.model.scores);
  const std::int64_t best = scores.best(1).front();

  std::vector<std::unique_ptr<bl_explanation>> all;
  for (const Asked& asked : questions) {
    const std::int64_t index = asked.class_index.value_or(best);
    Result result =
        explain_picture(probe, *asked.method, {{{index}, asked.direction}, asked.layer, asked.preset},
                        model.model.info.preprocessing);
    const auto i = static_cast<std::size_t>(index);
    std::optional<std::string> layer;
    if (asked.layer) layer = network.node(*asked.layer).name;
    all.emplace_back(new bl_explanation{asked.method, std::move(layer), index, scores.logits[i],
                                        scores.probabilities[i], image, fitted.placement, asked.preset,
                                        std::move(result)});
  }
  return all;
}

/// Of a result, h×w or C×h×w; `place` counts from the last.
std::int32_t extent(const Tensor& raw, int place) {
  return raw.shape().rank() < place ? 1 : static_cast<std::int32_t>(raw.shape()[-place]);
}

}  // namespace
}  // namespace backlight::c

using namespace backlight;
using namespace backlight::c;

size_t bl_method_count(void) { return methods().size(); }

bl_status bl_method_get(size_t index, bl_method* out) {
  return guarded([&] {
    if (index >= methods().size())
      throw Error(ErrorKind::usage, "the index is ", index, ", and there are ", methods().size(), " methods");
    const Method& method = methods()[index];
    give({.struct_size = 0,
          .name = method.name.data(),
          .summary = method.summary.data(),
          .paper = method.paper.data(),
          .takes_layer = method.needs.layer,
          .needs_cam_head = method.needs.cam_head,
          .needs_input_gradient = method.needs.input_gradient,
          .backwards = method.backwards,
          .counterfactual = method.counterfactual},
         out, "out");
  });
}

bl_status bl_classify(const bl_model* model, const bl_image* image, int32_t fit, size_t count,
                      int64_t* classes, float* scores, double* probabilities) {
  return guarded([&] {
    require(model, "model");
    const Model& of = model->model;
    if (count < 1 || count > of.labels.size())
      throw Error(ErrorKind::usage, "the count is ", count, ": expected 1 to ", of.labels.size(),
                  ", the number of classes");
    Fitted fitted = fit_picture(image_of(image, of.info.preprocessing.alpha()), of, fit_of(fit), false);
    Context context({}, model->threads, Precision::strict, model->isa);
    const Explanation explanation(model->programs, context, std::move(fitted.x), {},
                                  /*input_gradient=*/false);
    const ClassScores found = class_scores(explanation.scores().values(), of.scores);
    const std::vector<std::int64_t> best = found.best(count);
    for (std::size_t i = 0; i < count; ++i) {
      const auto index = static_cast<std::size_t>(best[i]);
      if (classes) classes[i] = best[i];
      if (scores) scores[i] = found.logits[index];
      if (probabilities) probabilities[i] = found.probabilities[index];
    }
  });
}

bl_status bl_explain(const bl_model* model, const bl_image* image, int32_t fit, const bl_question* questions,
                     size_t count, bl_explanation** out) {
  return guarded([&] {
    require(out, "out");
    if (count < 1 || count > kMostQuestions)
      throw Error(ErrorKind::usage, "the number of questions is ", count, ": expected 1 to ", kMostQuestions);
    std::fill_n(out, count, nullptr);
    require(model, "model");
    const std::vector<Asked> asked = all_asked(questions, count, model->model);
    const Alpha alpha = model->model.info.preprocessing.alpha();
    auto all = answers(*model, image_of(image, alpha), fit_of(fit), asked);
    std::ranges::transform(all, out, [](auto& answer) { return answer.release(); });
  });
}

void bl_explanation_free(bl_explanation* explanation) { delete explanation; }

bl_status bl_explanation_get_info(const bl_explanation* explanation, bl_explanation_info* out) {
  return guarded([&] {
    require(explanation, "explanation");
    const bl_explanation& of = *explanation;
    const Tensor& raw = of.result.raw();
    bl_explanation_info info{.struct_size = 0,
                             .method = of.method->name.data(),
                             .layer = of.layer ? of.layer->c_str() : nullptr,
                             .class_index = of.class_index,
                             .probability = of.probability,
                             .score = of.score,
                             .map_channels = extent(raw, 3),
                             .map_height = extent(raw, 2),
                             .map_width = extent(raw, 1),
                             .picture_width = of.image->width,
                             .picture_height = of.image->height,
                             .positive_evidence = !of.result.map || has_positive_evidence(of.result.map->map),
                             .has_box = 0,
                             .box = {}};
    if (const std::optional<Box> box = of.result.box(of.placement, of.preset)) {
      info.has_box = 1;
      std::ranges::copy(std::array{box->x0, box->y0, box->x1, box->y1}, info.box);
    }
    give(info, out, "out");
  });
}

bl_status bl_explanation_map(const bl_explanation* explanation, float* out, size_t capacity) {
  return guarded([&] {
    require(explanation, "explanation");
    const auto values = explanation->result.raw().values();
    require(out, "out");
    if (capacity < values.size())
      throw Error(ErrorKind::usage, "out holds ", capacity, " values, and the map of ",
                  explanation->result.raw().shape(), " has ", values.size());
    std::ranges::copy(values, out);
  });
}

bl_status bl_explanation_overlay(const bl_explanation* explanation, int32_t format, uint8_t* out,
                                 size_t stride, size_t capacity) {
  return guarded([&] {
    require(explanation, "explanation");
    const bl_explanation& of = *explanation;
    write_pixels(of.result.overlay(*of.image, of.placement, of.preset), format, out, stride, capacity);
  });
}
