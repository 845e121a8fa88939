// What tensors, convolutions, operations and graphs must satisfy.
#include <algorithm>
#include <set>

#include "descriptor.hpp"

namespace backlight::emulator {
namespace {

bool is_tensor(const Descriptor* descriptor) {
  return descriptor && descriptor->type == CUDNN_BACKEND_TENSOR_DESCRIPTOR;
}

cudnnStatus_t check_convolution(const Descriptor& operation) {
  const ConvAttributes& names = conv_attributes(operation.type);
  const Descriptor* conv = operation.child(names.convolution);
  const Descriptor *x = operation.child(names.x), *w = operation.child(names.w),
                   *y = operation.child(names.y);
  if (conv->type != CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR || !is_tensor(x) || !is_tensor(w) || !is_tensor(y))
    return fail(CUDNN_STATUS_BAD_PARAM, "an operation's descriptors are of other types");
  const Extents xs = extents_of(x), ws = extents_of(w), ys = extents_of(y);
  if (xs.size() != 4 || ws.size() != 4 || ys.size() != 4)
    return fail(CUDNN_STATUS_NOT_SUPPORTED, "only two spatial dimensions are emulated");
  const auto positive = [](std::int64_t i) { return i > 0; };
  for (const Extents& extents : {xs, ws, ys})
    if (!std::ranges::all_of(extents, positive))
      return fail(CUDNN_STATUS_BAD_PARAM, "an extent is not positive");
  if (xs[0] != ys[0] || ws[0] != ys[1] || xs[1] % ws[1] || ws[0] % (xs[1] / ws[1]))
    return fail(CUDNN_STATUS_BAD_PARAM, "batch or channels do not fit together");
  for (std::size_t i = 0; i < 2; ++i) {
    const auto get = [&](cudnnBackendAttributeName_t name) { return conv->all<std::int64_t>(name)[i]; };
    const std::int64_t span = (ws[i + 2] - 1) * get(CUDNN_ATTR_CONVOLUTION_DILATIONS) + 1;
    const std::int64_t room = xs[i + 2] + get(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS) +
                              get(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS) - span;
    if (room < 0 || ys[i + 2] != room / get(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES) + 1)
      return fail(CUDNN_STATUS_BAD_PARAM, "the output's extent is ", ys[i + 2],
                  " where the input leaves room for ", room);
  }
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t check_pointwise(const Descriptor& operation) {
  const Descriptor* how = operation.child(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR);
  const Descriptor* x = operation.child(CUDNN_ATTR_OPERATION_POINTWISE_XDESC);
  const Descriptor* b = operation.child(CUDNN_ATTR_OPERATION_POINTWISE_BDESC);
  const Descriptor* y = operation.child(CUDNN_ATTR_OPERATION_POINTWISE_YDESC);
  if (how->type != CUDNN_BACKEND_POINTWISE_DESCRIPTOR || !is_tensor(x) || !is_tensor(y) ||
      (b && !is_tensor(b)))
    return fail(CUDNN_STATUS_BAD_PARAM, "an operation's descriptors are of other types");
  const bool adds = how->one<cudnnPointwiseMode_t>(CUDNN_ATTR_POINTWISE_MODE) == CUDNN_POINTWISE_ADD;
  if (adds != (b != nullptr))
    return fail(CUDNN_STATUS_BAD_PARAM, "the number of inputs does not fit the mode");
  if (extents_of(x) != extents_of(y)) return fail(CUDNN_STATUS_BAD_PARAM, "x and y differ in shape");
  if (!b) return CUDNN_STATUS_SUCCESS;
  const Extents bs = extents_of(b), ys = extents_of(y);
  for (std::size_t i = 0; i < ys.size(); ++i)
    if (bs.size() != ys.size() || (bs[i] != 1 && bs[i] != ys[i]))
      return fail(CUDNN_STATUS_BAD_PARAM, "b does not broadcast to y");
  return CUDNN_STATUS_SUCCESS;
}

}  // namespace

bool is_convolution(const Descriptor& operation) {
  return operation.type == CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR ||
         operation.type == CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR ||
         operation.type == CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR;
}

const ConvAttributes& conv_attributes(cudnnBackendDescriptorType_t operation) {
  static constexpr ConvAttributes kForward{
      CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
      CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,         CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
      CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA};
  static constexpr ConvAttributes kData{
      CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
      CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
      CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA};
  static constexpr ConvAttributes kFilter{CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
                                          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
                                          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
                                          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
                                          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
                                          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA};
  return operation == CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR         ? kForward
         : operation == CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR ? kData
                                                                                     : kFilter;
}

cudnnStatus_t finalize_tensor(Descriptor& tensor) {
  const Extents extents = extents_of(&tensor), strides = tensor.all<std::int64_t>(CUDNN_ATTR_TENSOR_STRIDES);
  if (extents.size() != strides.size())
    return fail(CUDNN_STATUS_BAD_PARAM, "as many strides as extents are needed");
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t finalize_convolution(Descriptor& conv) {
  const auto spatial = static_cast<std::size_t>(conv.one<std::int64_t>(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS));
  const auto fits = [&](cudnnBackendAttributeName_t name, std::int64_t least) {
    const Extents all = conv.all<std::int64_t>(name);
    return all.size() == spatial && std::ranges::all_of(all, [&](std::int64_t i) { return i >= least; });
  };
  if (!fits(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, 0) || !fits(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, 0) ||
      !fits(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, 1) || !fits(CUDNN_ATTR_CONVOLUTION_DILATIONS, 1))
    return fail(CUDNN_STATUS_BAD_PARAM, "paddings, strides or dilations are too few or too small");
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t finalize_operation(Descriptor& operation) {
  return is_convolution(operation) ? check_convolution(operation) : check_pointwise(operation);
}

cudnnStatus_t finalize_graph(Descriptor& graph) {
  for (const DescriptorPtr& operation : graph.children(CUDNN_ATTR_OPERATIONGRAPH_OPS))
    if (!is_convolution(*operation) && operation->type != CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR)
      return fail(CUDNN_STATUS_BAD_PARAM, "a graph consists of operations");
  return CUDNN_STATUS_SUCCESS;
}

}  // namespace backlight::emulator
