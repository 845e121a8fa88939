// The layers that networks are made of, each with its options and what it expects.
#pragma once

#include "kernels/activation/activation_layer.hpp"
#include "kernels/add/add_layer.hpp"
#include "kernels/batch_norm/batch_norm_layer.hpp"
#include "kernels/concat/concat_layer.hpp"
#include "kernels/conv2d/conv2d_layer.hpp"
#include "kernels/dropout/dropout_layer.hpp"
#include "kernels/flatten/flatten_layer.hpp"
#include "kernels/linear/linear_layer.hpp"
#include "kernels/local_response_norm/local_response_norm_layer.hpp"
#include "kernels/multiply/multiply_layer.hpp"
#include "kernels/pool/pool_layer.hpp"
#include "kernels/relu/relu_layer.hpp"
#include "kernels/softmax/softmax_layer.hpp"
#include "kernels/strided_identity_pad/strided_identity_pad_layer.hpp"
