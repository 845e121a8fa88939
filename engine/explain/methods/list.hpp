// The methods: each file here has the equation of one, or of a few that are one idea, what it needs and its name.
#pragma once

#include "engine/explain/methods.hpp"

namespace backlight::method {

// At a layer, by weights that channels have: grad_cam.cpp, grad_cam_plus_plus.cpp, xgrad_cam.cpp.
Method grad_cam();
Method cam();
Method grad_cam_plus_plus();
Method xgrad_cam();
// At a layer, by the gradient at each position: elementwise.cpp.
Method hires_cam();
Method grad_cam_elementwise();
Method layer_cam();
// At a layer, its first component: eigen_cam.cpp.
Method eigen_cam();
Method eigen_grad_cam();
// At a layer, by what the network makes of parts of it: ablation_cam.cpp, recipro_cam.cpp.
Method ablation_cam();
Method recipro_cam();
// By what the network makes of the picture with parts of it hidden: score_cam.cpp, at a layer; occlusion.cpp, rise.cpp.
Method score_cam();
Method occlusion();
Method rise();
// At the input: gradients.cpp.
Method guided_backprop();
Method deconvnet();
Method guided_grad_cam();
Method deconv_grad_cam();
Method gradient();
// At the input, and at others: inputs.cpp.
Method saliency();
Method input_x_gradient();
Method integrated_gradients();
Method gradient_shap();
// At the input and at every bias: full_grad.cpp.
Method full_grad();
// At the input, by rules that read every layer's values: relevance.cpp.
Method deep_lift();
Method lrp_epsilon();
Method lrp_gamma_box();
Method lrp_plus_flat();
Method lrp_alpha_beta_flat();

}  // namespace backlight::method
