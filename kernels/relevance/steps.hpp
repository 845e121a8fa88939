// The equations of relevance.hpp for one element, of which both the CPU's code and CUDA's are made.
#pragma once

namespace backlight::relevance {

template <class T>
struct DifferencePart {
  T above, below;
  constexpr T operator()(T x, T reference, T dy) const {
    const T difference = x - reference;
    return dy * ((difference > T{0} ? above : below) * difference);
  }
};

template <class T>
struct OverDifference {
  T least;
  constexpr T operator()(T x, T reference, T given, T gradient) const {
    const T difference = x - reference;
    return difference < least && difference > -least ? gradient : given / difference;
  }
};

template <class T>
struct Share {
  T scale, epsilon;
  bool above, below;
  constexpr T operator()(T z, T dy, T denominator) const {
    const bool counts = z > T{0} ? above : z < T{0} && below;
    return counts ? scale * z * dy / (denominator + (denominator < T{0} ? -epsilon : epsilon)) : T{0};
  }
};

template <class T>
struct Slope {
  T above, below;
  constexpr T operator()(T x) const { return x > T{0} ? above * x : below * x; }
};

template <class T>
struct BySign {
  constexpr T operator()(T x, T positive, T negative) const {
    return x > T{0} ? positive : x < T{0} ? negative : T{0};
  }
};

}  // namespace backlight::relevance
