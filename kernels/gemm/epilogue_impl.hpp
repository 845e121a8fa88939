// What follows an operation, in registers, in terms of a vector type as micro_kernels_impl.hpp describes it, which
// includes this.
#pragma once

#include "kernels/epilogue.hpp"

namespace backlight::cpu {
namespace {

/// The bits of apply(). `residual`: the vector's own, not read where the epilogue has none.
template <class V>
inline typename V::Reg followed(typename V::Reg v, typename V::Reg residual,
                                const Epilogue<typename V::T>& epilogue) {
  if (epilogue.residual) v = v + residual;
  return epilogue.relu
             ? V::at_most(V::set(static_cast<typename V::T>(epilogue.upper)), V::at_least(V::zero(), v))
             : v;
}

}  // namespace
}  // namespace backlight::cpu
