#include "weights/reparametrised.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace backlight {
namespace {

using Extents = std::vector<std::int64_t>;
using Index = std::unordered_map<std::string_view, const StoredTensor*>;

/// A weight that is computed from parts, the first of which gives its shape.
struct Recipe {
  std::string name;
  std::vector<StoredTensor> parts;
  std::function<std::vector<float>(std::span<const StoredTensor> parts)> compute;
};

std::vector<float> values_of(const StoredTensor& tensor) {
  const Tensor values = tensor.to_f32();
  return {values.values().begin(), values.values().end()};
}

std::vector<float> pruned(std::span<const StoredTensor> parts) {
  std::vector<float> weight = values_of(parts[0]);
  const std::vector<float> mask = values_of(parts[1]);
  std::ranges::transform(weight, mask, weight.begin(), std::multiplies<>());
  return weight;
}

/// Walks the elements of a tensor in row-major order and says where each lies when only the dimensions that
/// `kept` allows count.
class Places {
 public:
  template <class Kept>
  Places(const Extents& shape, Kept kept) : shape_(shape), index_(shape.size(), 0), steps_(shape.size(), 0) {
    std::int64_t step = 1;
    for (std::size_t d = shape.size(); d-- > 0;) {
      if (!kept(d)) continue;
      steps_[d] = step;
      step *= shape[d];
    }
  }

  std::size_t next() {
    const std::int64_t place = place_;
    for (std::size_t d = shape_.size(); d-- > 0;) {
      place_ += steps_[d];
      if (++index_[d] < shape_[d]) break;
      place_ -= steps_[d] * shape_[d];
      index_[d] = 0;
    }
    return static_cast<std::size_t>(place);
  }

 private:
  const Extents& shape_;
  Extents index_, steps_;
  std::int64_t place_ = 0;
};

/// g has v's extent or one in every dimension; a scalar has one everywhere.
bool is_norm_of(const Extents& g, const Extents& v) {
  if (g.empty()) return true;
  return g.size() == v.size() &&
         std::ranges::equal(g, v, [](std::int64_t a, std::int64_t b) { return a == 1 || a == b; });
}

std::vector<float> weight_normed(std::span<const StoredTensor> parts) {
  std::vector<float> weight = values_of(parts[0]);
  const std::vector<float> g = values_of(parts[1]);
  const Extents& norms = parts[1].shape();
  const auto kept = [&](std::size_t d) { return !norms.empty() && norms[d] > 1; };
  std::vector<double> squares(g.size(), 0.0);
  Places group(parts[0].shape(), kept);
  for (const float value : weight) squares[group.next()] += double{value} * value;
  Places again(parts[0].shape(), kept);
  for (float& value : weight) {
    const std::size_t at = again.next();
    value = static_cast<float>(value * (g[at] / std::sqrt(squares[at])));
  }
  return weight;
}

/// The dimension whose extent u has while v has the rest: the first, unless only a later one fits, as in a
/// transposed convolution.
std::optional<std::size_t> dimension_of_rows(const StoredTensor& weight, const StoredTensor& u,
                                             const StoredTensor& v) {
  for (std::size_t d = 0; d < weight.shape().size(); ++d) {
    const std::int64_t rows = weight.shape()[d];
    if (rows > 0 && rows == u.numel() && weight.numel() / rows == v.numel()) return d;
  }
  return std::nullopt;
}

std::vector<float> spectral_normed(std::span<const StoredTensor> parts) {
  std::vector<float> weight = values_of(parts[0]);
  const std::vector<float> u = values_of(parts[1]), v = values_of(parts[2]);
  const std::size_t rows = *dimension_of_rows(parts[0], parts[1], parts[2]);
  Places row(parts[0].shape(), [&](std::size_t d) { return d == rows; });
  Places column(parts[0].shape(), [&](std::size_t d) { return d != rows; });
  double sigma = 0;
  for (const float value : weight) sigma += double{u[row.next()]} * value * v[column.next()];
  for (float& value : weight) value = static_cast<float>(value / sigma);
  return weight;
}

const StoredTensor* find(const Index& index, const std::string& name) {
  const auto at = index.find(name);
  return at == index.end() ? nullptr : at->second;
}

std::optional<Recipe> pruned_recipe(const Index& index, const std::string& name, const StoredTensor& orig) {
  const StoredTensor* mask = find(index, name + "_mask");
  if (mask == nullptr || mask->shape() != orig.shape()) return std::nullopt;
  return Recipe{name, {orig, *mask}, pruned};
}

std::optional<Recipe> norm_recipe(const std::string& name, const StoredTensor* v, const StoredTensor& g) {
  if (v == nullptr || !is_norm_of(g.shape(), v->shape())) return std::nullopt;
  return Recipe{name, {*v, g}, weight_normed};
}

std::optional<Recipe> spectral_recipe(const std::string& name, const StoredTensor& weight,
                                      const StoredTensor* u, const StoredTensor* v) {
  if (u == nullptr || v == nullptr || !dimension_of_rows(weight, *u, *v)) return std::nullopt;
  return Recipe{name, {weight, *u, *v}, spectral_normed};
}

/// `layer.parametrizations.weight.` of `layer.parametrizations.weight.original0`, and `layer.weight`.
struct Parametrization {
  std::string path, name, part;
};

std::optional<Parametrization> parametrization_of(std::string_view name) {
  constexpr std::string_view kFolder = "parametrizations.";
  const std::size_t at = name.find(kFolder);
  if (at == name.npos || (at > 0 && name[at - 1] != '.')) return std::nullopt;
  const std::size_t begin = at + kFolder.size(), dot = name.find('.', begin);
  if (dot == name.npos) return std::nullopt;
  return Parametrization{std::string(name.substr(0, dot + 1)),
                         std::string(name.substr(0, at)) + std::string(name.substr(begin, dot - begin)),
                         std::string(name.substr(dot + 1))};
}

/// The weight that `tensor` is the leading part of.
std::optional<Recipe> recipe_led_by(const Index& index, const StoredTensor& tensor) {
  const std::string& name = tensor.name();
  const auto without_end = [&](std::size_t size) { return name.substr(0, name.size() - size); };
  if (const auto found = parametrization_of(name)) {
    if (found->part == "original0")
      return norm_recipe(found->name, find(index, found->path + "original1"), tensor);
    if (found->part == "original")
      return spectral_recipe(found->name, tensor, find(index, found->path + "0._u"),
                             find(index, found->path + "0._v"));
    return std::nullopt;
  }
  if (name.ends_with("_g")) return norm_recipe(without_end(2), find(index, without_end(2) + "_v"), tensor);
  if (!name.ends_with("_orig")) return std::nullopt;
  const std::string base = without_end(5);
  if (auto recipe = pruned_recipe(index, base, tensor)) return recipe;
  return spectral_recipe(base, tensor, find(index, base + "_u"), find(index, base + "_v"));
}

StoredTensor computed(const Recipe& recipe) {
  const StoredTensor& shaped = recipe.parts.front();
  auto storage = std::make_shared<weights::Storage>();
  storage->size = static_cast<std::size_t>(shaped.numel()) * sizeof(float);
  storage->read = [parts = recipe.parts, compute = recipe.compute] {
    const auto values = std::make_shared<const std::vector<float>>(compute(parts));
    return weights::SharedBytes{values, std::as_bytes(std::span(*values))};
  };
  return {recipe.name, shaped.shape(),  weights::row_major(shaped.shape()),
          0,           StoredType::f32, std::move(storage)};
}

}  // namespace

std::vector<StoredTensor> with_computed_weights(std::span<const StoredTensor> tensors) {
  Index index;
  for (const StoredTensor& tensor : tensors) index.emplace(tensor.name(), &tensor);
  std::unordered_map<std::string, StoredTensor> made;
  std::unordered_set<std::string> used;
  for (const StoredTensor& tensor : tensors) {
    const auto recipe = recipe_led_by(index, tensor);
    if (!recipe || index.contains(recipe->name)) continue;
    for (const StoredTensor& part : recipe->parts) used.insert(part.name());
    made.emplace(tensor.name(), computed(*recipe));
  }
  std::vector<StoredTensor> out;
  for (const StoredTensor& tensor : tensors) {
    if (const auto at = made.find(tensor.name()); at != made.end()) {
      out.push_back(at->second);
    } else if (!used.contains(tensor.name())) {
      out.push_back(tensor);
    }
  }
  return out;
}

std::vector<std::string> uncomputed_parts(std::span<const StoredTensor> tensors) {
  std::vector<std::string> names;
  for (const StoredTensor& tensor : tensors) {
    const std::string& name = tensor.name();
    if (parametrization_of(name) || name.ends_with("weight_orig") || name.ends_with("bias_orig") ||
        name.ends_with("weight_g"))
      names.push_back(name);
  }
  return names;
}

}  // namespace backlight
