#include "models/language/heads.hpp"

#include <cmath>
#include <string>

#include "kernels/layers.hpp"

namespace backlight::language {
namespace {

Network map_and_tokens(std::int64_t channels, std::int64_t side) {
  const std::int64_t extent = side > 0 ? side : kAnyExtent;
  return Network({{.name = "map", .extents = {kAnyExtent, channels, extent, extent}},
                  {.name = "tokens", .extents = {kAnyExtent, kAnyExtent}, .dtype = DType::i32}});
}
constexpr NodeId kMap = 0, kTokens = 1;

NodeId add_dropout(Network& net, const std::string& name, double p, NodeId x) {
  return p > 0 ? net.add(name, dropout(p), {x}) : x;
}

/// The map as the head reads it.
NodeId add_pool(Network& net, bool pool) {
  return pool ? net.add("pool", max_pool2d({.kernel = 2}), {kMap}) : kMap;
}

NodeId add_encoder(Network& net, const EncoderSizes& sizes) {
  const std::string path = "encoder.";
  const NodeId map = add_pool(net, sizes.pool);
  std::vector<NodeId> parts;
  std::int64_t in = 0;
  for (const std::int64_t side : sizes.grids) {
    const std::string grid = std::to_string(side);
    const NodeId means = net.add(path + "pool" + grid, adaptive_avg_pool2d(side), {map});
    parts.push_back(net.add(path + "flatten" + grid, flatten(), {means}));
    in += sizes.channels * side * side;
  }
  if (parts.empty()) {
    parts.push_back(net.add(path + "flatten", flatten(), {map}));
    const std::int64_t side = sizes.pool ? sizes.map_side / 2 : sizes.map_side;
    in = sizes.channels * side * side;
  }
  if (parts.size() > 1) net.add(path + "pyramid", concat(), parts);
  int module = 0;
  for (std::size_t i = 0; i < sizes.layers.size(); ++i) {
    const auto next = [&] { return path + "layers." + std::to_string(module++); };
    net.add(next(), linear(in, sizes.layers[i], !sizes.batch_norm));
    if (sizes.batch_norm) net.add(next(), batch_norm1d(sizes.layers[i]));
    net.add(path + "relu" + (i > 0 ? "_" + std::to_string(i) : ""), relu());
    in = sizes.layers[i];
  }
  return net.last();
}

std::int64_t vector_size(const EncoderSizes& sizes) {
  if (sizes.layers.empty() || (sizes.grids.empty() && sizes.map_side < 1))
    throw Error(ErrorKind::usage, "an encoder needs a layer, and a grid or the side of its map");
  return sizes.layers.back();
}

/// One level: of the words Q, N×T×d, and the image's positions V, N×P×d, to q̂ + v̂, N×1×d.
class Attention {
 public:
  Attention(Network& net, int level, const CoattentionSizes& sizes)
      : net_(net), path_("levels." + std::to_string(level)), sizes_(sizes) {}

  NodeId add_to(NodeId q, NodeId v) {
    const auto [words, image] = sizes_.parallel ? parallel(q, v) : alternating(q, v);
    const NodeId of_words = net_.add(path_ + ".question", matmul(true, false), {words, q});
    const NodeId of_image = net_.add(path_ + ".seen", matmul(true, false), {image, v});
    return net_.add(path_ + ".sum", add(), {of_words, of_image});
  }

 private:
  struct Weights {
    NodeId words, image;
  };

  /// C = tanh(Q·(W₀V)ᵀ),  a_q = softmax(w₀·tanh(W₁Q + C·W₂V)),  a_v = softmax(w₁·tanh(W₂V + Cᵀ·W₁Q))
  Weights parallel(NodeId q, NodeId v) {
    const NodeId affinity = net_.add(path_ + ".affinity", matmul(false, true), {q, w(0, v)});
    const NodeId c = net_.add(path_ + ".correlation", tanh(), {affinity});
    const NodeId of_q = w(1, q), of_v = w(2, v);
    const NodeId from_v = net_.add(path_ + ".to_words", matmul(), {c, of_v});
    const NodeId from_q = net_.add(path_ + ".to_image", matmul(true, false), {c, of_q});
    return {words(0, net_.add(path_ + ".sum0", add(), {of_q, from_v})),
            image(1, net_.add(path_ + ".sum1", add(), {of_v, from_q}))};
  }

  /// a₁ = softmax(w₀·tanh(W₀Q)),  a_v = softmax(w₁·tanh(W₂V + W₁·Σa₁q)),  a_q = softmax(w₂·tanh(W₄Q + W₃·Σa_v v))
  Weights alternating(NodeId q, NodeId v) {
    const NodeId first = words(0, w(0, q), ".first");
    const NodeId q1 = net_.add(path_ + ".first_question", matmul(true, false), {first, q});
    const NodeId of_image = image(1, net_.add(path_ + ".sum1", broadcast_add(), {w(2, v), w(1, q1)}));
    const NodeId v1 = net_.add(path_ + ".first_seen", matmul(true, false), {of_image, v});
    return {words(2, net_.add(path_ + ".sum2", broadcast_add(), {w(4, q), w(3, v1)})), of_image};
  }

  NodeId w(int i, NodeId x) {
    return net_.add(path_ + ".w." + std::to_string(i), linear(sizes_.size, sizes_.size), {x});
  }
  /// From what is to be weighed to its scores.
  NodeId h(int i, NodeId x) {
    const std::string number = std::to_string(i);
    NodeId node = net_.add(path_ + ".tanh" + number, tanh(), {x});
    node = add_dropout(net_, path_ + ".dropout" + number, sizes_.dropout, node);
    return net_.add(path_ + ".h." + number, linear(sizes_.size, 1), {node});
  }
  NodeId words(int i, NodeId x, const char* name = ".words") {
    return net_.add(path_ + name, masked_softmax(), {h(i, x), kTokens});
  }
  NodeId image(int i, NodeId x) { return net_.add(path_ + ".image", softmax(), {h(i, x)}); }

  Network& net_;
  std::string path_;
  const CoattentionSizes& sizes_;
};

/// The value added last is the LSTM's first step, words are read behind it.
void add_sentence(Network& net, const ShowAndTellSizes& sizes, double dropout) {
  const LstmOptions options{.layers = sizes.layers, .bias = sizes.lstm_bias};
  LstmOptions continued = options;
  continued.state = true;
  net.add("step", positions());
  const NodeId first = net.add("lstm", lstm(sizes.word_size, sizes.hidden, options));
  const NodeId words = net.add("embed", embedding(sizes.words, sizes.word_size), {kTokens});
  NodeId said =
      net.add("sentence", lstm(sizes.word_size, sizes.hidden, continued), {words, first + 1}, first);
  said = add_dropout(net, "dropout", dropout, said);
  net.add("logit", linear(sizes.hidden, sizes.words), {said});
}

/// tanh of the largest of what the words, pairs and triples around each say.
NodeId add_phrases(Network& net, const CoattentionSizes& sizes, NodeId words) {
  const NodeId line = net.add("grams.line", line_map(), {words});
  NodeId largest = 0;
  for (std::int64_t size = 1; size <= 3; ++size) {
    const std::string module = "grams." + std::to_string(size - 1);
    const Padding2d padding{0, 0, size / 2,
                            size == 3 ? 1 : 0};  // two read the word before, three both neighbours
    const NodeId gram =
        net.add(module, conv2d(sizes.size, sizes.size, {.kernel = {1, size}, .padding = padding}), {line});
    largest = size == 1 ? gram : net.add(module + ".maximum", maximum(), {largest, gram});
  }
  net.add("grams.words", positions(), {largest});
  net.add("grams.tanh", tanh());
  return add_dropout(net, "grams.dropout", sizes.dropout, net.last());
}

}  // namespace

Network caption_head(const CaptionSizes& sizes) {
  const std::int64_t size = vector_size(sizes.encoder);
  Network net = map_and_tokens(sizes.encoder.channels, sizes.encoder.map_side);
  add_encoder(net, sizes.encoder);
  add_sentence(net, {.words = sizes.words, .word_size = size, .hidden = size}, sizes.dropout);
  return net;
}

Network vqa_head(const VqaSizes& sizes) {
  const std::int64_t size = vector_size(sizes.encoder);
  Network net = map_and_tokens(sizes.encoder.channels, sizes.encoder.map_side);
  NodeId image = add_encoder(net, sizes.encoder);
  net.add("normalize", l2_normalize(sizes.unit_length ? 1 : std::sqrt(static_cast<double>(size))));
  image = add_dropout(net, "dropout_i", sizes.dropout, net.last());
  net.add("i", linear(size, sizes.common), {image});
  image = net.add("i.tanh", tanh());

  net.add("embed", embedding(sizes.words, sizes.word_size), {kTokens});
  NodeId question = add_dropout(net, "embed.dropout", sizes.dropout, net.last());
  question = net.add("embed.tanh", tanh(), {question});
  const LstmOptions options{.layers = 2, .dropout = sizes.dropout, .tokens = true};
  question = net.add("lstm", lstm(sizes.word_size, sizes.hidden, options), {question, kTokens}) + 1;
  question = add_dropout(net, "dropout_q", sizes.dropout, question);
  net.add("q", linear(4 * sizes.hidden, sizes.common), {question});
  question = net.add("q.tanh", tanh());

  const NodeId product = net.add("product", multiply(), {question, image});
  net.add("out", linear(sizes.common, sizes.answers), {add_dropout(net, "dropout", sizes.dropout, product)});
  return net;
}

Network coattention_head(const CoattentionSizes& sizes) {
  Network net = map_and_tokens(sizes.channels, 0);
  NodeId image = add_pool(net, sizes.pool);
  if (sizes.coordinates) image = net.add("coordinates", coordinates(), {image});
  net.add("positions", positions(), {image});
  net.add("image", linear(sizes.channels + (sizes.coordinates ? 2 : 0), sizes.size));
  net.add("image.tanh", tanh());
  image = add_dropout(net, "image.dropout", sizes.dropout, net.last());

  net.add("embed", embedding(sizes.words, sizes.size, 0), {kTokens});
  net.add("embed.tanh", tanh());
  const NodeId words = add_dropout(net, "embed.dropout", sizes.dropout, net.last());
  const NodeId phrases = add_phrases(net, sizes, words);
  const LstmOptions options{.layers = sizes.lstm_layers, .dropout = sizes.dropout, .tokens = true};
  const NodeId question = net.add("lstm", lstm(sizes.size, sizes.size, options), {phrases, kTokens});

  int level = 0;
  NodeId before = 0;
  for (const NodeId q : {words, phrases, question}) {
    const NodeId sum = Attention(net, level, sizes).add_to(q, image);
    NodeId row = net.add("levels." + std::to_string(level) + ".row", flatten(), {sum});
    const std::string h = "h" + std::to_string(++level);
    if (level > 1) row = net.add(h + ".concat", concat(), {row, before});
    row = add_dropout(net, h + ".dropout", sizes.dropout, row);
    net.add(h, linear(level > 1 ? 2 * sizes.size : sizes.size, level < 3 ? sizes.size : sizes.last), {row});
    before = net.add(h + ".tanh", tanh());
  }
  net.add("out", linear(sizes.last, sizes.answers), {add_dropout(net, "dropout", sizes.dropout, before)});
  return net;
}

Network bag_head(const BagSizes& sizes) {
  Network net = map_and_tokens(sizes.channels, sizes.map_side);
  add_pool(net, true);
  net.add("flatten", flatten());
  const std::int64_t side = sizes.map_side / 2;
  net.add("image", linear(sizes.channels * side * side, sizes.size));
  const NodeId image = net.add("image.tanh", tanh());

  net.add("embed", embedding(sizes.words, sizes.words, 0), {kTokens});
  net.add("line", line_map());
  net.add("bag", max_pool2d({.kernel = {1, sizes.longest}}));
  net.add("bag.flatten", flatten());
  std::int64_t in = sizes.words;
  for (std::int64_t i = 0; i < sizes.layers; ++i) {
    const std::string module = "question." + std::to_string(i);
    net.add(module, linear(in, sizes.size));
    net.add(module + ".tanh", tanh());
    in = sizes.size;
  }
  net.add("product", multiply(), {net.last(), image});
  net.add("joint", linear(sizes.size, sizes.size));
  net.add("joint.tanh", tanh());
  net.add("out", linear(sizes.size, sizes.answers));
  return net;
}

Network show_and_tell_head(const ShowAndTellSizes& sizes) {
  Network net = map_and_tokens(sizes.channels, 0);
  net.add("pool", adaptive_avg_pool2d(1), {kMap});
  net.add("flatten", flatten());
  net.add("image", linear(sizes.channels, sizes.word_size));
  if (sizes.batch_norm) net.add("image.bn", batch_norm1d(sizes.word_size));
  add_sentence(net, sizes, 0);
  return net;
}

Network basic_vqa_head(const BasicVqaSizes& sizes) {
  Network net = map_and_tokens(sizes.channels, sizes.map_side);
  add_pool(net, true);
  net.add("flatten", flatten());
  const std::int64_t side = sizes.map_side / 2;
  std::int64_t in = sizes.channels * side * side;
  for (std::size_t i = 0; i < sizes.image.size(); ++i) {
    const std::string module = "image." + std::to_string(i);
    if (i > 0) net.add(module + ".relu", relu());
    net.add(module, linear(in, sizes.image[i]));
    in = sizes.image[i];
  }
  const NodeId image = net.add("normalize", l2_normalize(1, 1e-12, /*detached=*/true));

  net.add("embed", embedding(sizes.words, sizes.word_size), {kTokens});
  net.add("embed.tanh", tanh());
  const NodeId state = net.add("lstm", lstm(sizes.word_size, sizes.hidden, {.layers = sizes.layers})) + 1;
  net.add("lstm.tanh", tanh(), {state});
  const NodeId question = net.add("q", linear(2 * sizes.layers * sizes.hidden, in));
  net.add("product", multiply(), {question, image});
  net.add("product.tanh", tanh());
  net.add("joint", linear(in, sizes.answers));
  net.add("joint.tanh", tanh());
  net.add("out", linear(sizes.answers, sizes.answers));
  return net;
}

void open_forget_gates(Network& head) {
  for (const NamedParameter& p : head.parameters()) {
    if (p.name.find(".bias_ih_l") == std::string::npos) continue;
    dispatch_dtype(p.tensor->dtype(), [&]<class T>() {
      const std::span<T> bias = p.tensor->values<T>();
      const std::size_t hidden = bias.size() / 4;
      for (T& v : bias.subspan(hidden, hidden)) v += 1;  // of the gates i f g o
    });
  }
}

}  // namespace backlight::language
