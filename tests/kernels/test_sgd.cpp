#include <doctest/doctest.h>

#include <string>

#include "kernels/dispatch.hpp"
#include "support/compare.hpp"
#include "support/golden.hpp"
#include "support/random.hpp"

using namespace backlight;
using namespace backlight::test;

TEST_CASE("sgd: five steps under changing rates match torch.optim.SGD") {
  struct Case {
    const char* name;
    double momentum, weight_decay;
    bool nesterov;
  };
  const double rates[] = {0.1, 0.1, 0.05, 0.2, 0.01};
  for (const Case& c :
       {Case{"plain", 0, 0, false}, {"momentum", 0.9, 5e-4, false}, {"nesterov", 0.9, 5e-2, true}}) {
    CAPTURE(c.name);
    const std::string name = c.name;
    Context context({}, 2);
    Tensor w = random_tensor({131}, "sgd." + name + ".w");
    Tensor v = Tensor::zeros({131});
    for (int step = 0; step < 5; ++step) {
      const Tensor dw = random_tensor({131}, "sgd." + name + ".dw" + std::to_string(step));
      dispatch(context, DType::f32, [&]<class T>(const Kernels<T>& k) {
        k.sgd_step(context, {131, rates[step], c.momentum, c.weight_decay, c.nesterov}, dw.data<T>(),
                   w.data<T>(), v.data<T>());
      });
      if (step == 0) CHECK(relative_error(w, golden("sgd", name + ".w0")) <= 1e-6);
    }
    CHECK(relative_error(w, golden("sgd", name + ".w4")) <= 1e-6);
    if (c.momentum > 0) CHECK(relative_error(v, golden("sgd", name + ".v4")) <= 1e-6);
  }
}

TEST_CASE("sgd: any number of threads gives the same bits") {
  const Shape shape{100003};
  const auto run = [&](int threads) {
    Context context({}, threads);
    Tensor w = random_tensor(shape, "w"), v = random_tensor(shape, "v");
    const Tensor dw = random_tensor(shape, "dw");
    dispatch(context, DType::f32, [&]<class T>(const Kernels<T>& k) {
      k.sgd_step(context, {shape.numel(), 0.1, 0.9, 1e-4, true}, dw.data<T>(), w.data<T>(), v.data<T>());
    });
    return w;
  };
  CHECK(same_bits(run(3), run(1)));
}
