// Heads of networks that read words: from a CNN's last map and tokens to scores. A head is a network by itself, with
// the inputs "map", N×K×h×w, and "tokens", N×T of int32, and the CNN another one: freezing it, asking many things of
// one map, and Guided Backprop, which goes on in the CNN from the gradient at the map, need nothing else.
//
// Parameters have the names of PyTorch's modules. The sizes that are given are those of the shipped networks; the
// papers' are others. A dropout of 0 adds no node.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/graph/network.hpp"

namespace backlight::language {

/// From a map to a vector, as VGG's fc6 and fc7 read one: fully connected layers with ReLUs over the means of the map's
/// cells, which say what is where, too (He et al. 2014); the vector's size is that of the last layer.
struct EncoderSizes {
  std::int64_t channels = 64;
  /// Cells along either side of each grid, C×side×side numbers each; without any grid, the map itself.
  std::vector<std::int64_t> grids = {1, 4};
  std::int64_t map_side = 0;  ///< of the map, where there is no grid
  bool pool = false;          ///< a max pooling of 2 stands before all, as behind VGG's last convolution
  std::vector<std::int64_t> layers;
  bool batch_norm = true;  ///< before each ReLU, instead of a bias
};

/// Show and Tell (Vinyals et al. 2015) as neuraltalk2 has it.
struct CaptionSizes {
  EncoderSizes encoder = {.layers = {384, 192}};  ///< the last one is the size of words and of the LSTM, too
  std::int64_t words = 49;
  double dropout = 0;  ///< of what the LSTM says
};
/// The picture's vector is the LSTM's first step, "lstm", behind whose state, "lstm:1", the tokens are read by
/// "sentence", beginning with that of the start: N×T×words scores, those of the word behind each token. A caption is
/// said word by word where that state and a token are given, and "sentence:1" is the next state.
Network caption_head(const CaptionSizes& sizes = {});

/// Deeper LSTM and normalised image (Lu et al. 2015).
struct VqaSizes {
  EncoderSizes encoder = {.layers = {256}};
  std::int64_t words = 49, answers = 26;
  std::int64_t word_size = 64, hidden = 96;  ///< of two layers
  std::int64_t common = 256;
  bool unit_length =
      false;           ///< the image's vector has length 1, as in the paper; else that of its size's root
  double dropout = 0;  ///< between the LSTM's layers, of both vectors' products
};
/// score = W(tanh(W_q·[c₁ h₁ c₂ h₂]) ⊙ tanh(W_i·v/‖v‖)) + b: N×answers. A token of 0 pads.
Network vqa_head(const VqaSizes& sizes = {});

/// Hierarchical question-image co-attention (Lu et al. 2016).
struct CoattentionSizes {
  std::int64_t channels = 64;
  bool pool = false;  ///< as of EncoderSizes
  std::int64_t words = 49, answers = 26;
  std::int64_t size = 64;  ///< of words, phrases, the question and the image's positions
  std::int64_t last = 128;
  std::int64_t lstm_layers = 1;
  bool coordinates = true;  ///< two further channels say where a position lies
  /// Image and question attend to each other at once, not in turns. As in the paper's code, what the phrases say at
  /// padding takes part in the image's attention: questions must be padded to one length.
  bool parallel = false;
  double dropout = 0;
};
/// N×answers. A token of 0 pads. Words, their n-grams and the question each attend to the image and back; the weights
/// are "levels.0.words", N×T×1, and "levels.0.image", N×(h·w)×1, and those of levels 1 and 2.
Network coattention_head(const CoattentionSizes& sizes = {});

/// A bag of words times what the map says (easy-VQA, Zhou 2019). The sizes given are those of the network that
/// github.com/vzhou842/easy-VQA-demo answers with.
struct BagSizes {
  std::int64_t channels = 32, map_side = 16;
  std::int64_t words = 27, answers = 13;
  std::int64_t longest = 16;  ///< tokens of a question, padded by 0
  std::int64_t size = 32;     ///< of all that is between
  std::int64_t layers = 3;    ///< that the bag passes through
};
/// v = tanh(W_i·pool(map)), pooled by maxima of 2; b_k = 1 where word k is in the question, however often;
/// q = tanh(W_2·tanh(W_1·tanh(W_0·b))); score = W·tanh(W_j·(q ⊙ v)): N×answers. The rows of "embed" are what a word
/// puts into the bag: those of the identity.
Network bag_head(const BagSizes& sizes = {});

/// Show and Tell as captioners of PyTorch have it: behind the map's mean. The sizes given are those of yunjey's
/// tutorial; `show_tell` of ImageCaptioning.pytorch has neither biases in its LSTM nor a batch norm.
struct ShowAndTellSizes {
  std::int64_t channels = 2048;
  std::int64_t words = 9956;
  std::int64_t word_size = 256;           ///< of the picture's vector, too
  std::int64_t hidden = 512, layers = 1;  ///< of the LSTM
  bool lstm_bias = true;
  bool batch_norm = true;  ///< of the picture's vector
};
/// v = BN(W·mean + b), without a ReLU; then as caption_head has it, under the same names.
Network show_and_tell_head(const ShowAndTellSizes& sizes = {});

/// github.com/tbmoon/basic_vqa, a relative of vqa_head, at its sizes.
struct BasicVqaSizes {
  std::int64_t channels = 512, map_side = 14;  ///< a max pooling of 2 stands before all
  std::vector<std::int64_t> image = {4096, 4096,
                                     1024};  ///< fully connected layers, a ReLU behind each but the last
  std::int64_t words = 17856, answers = 1000;
  std::int64_t word_size = 300;
  std::int64_t hidden = 512, layers = 2;  ///< of the LSTM
};
/// q = W·tanh([c₁ h₁ c₂ h₂]), score = W₂·tanh(W₁·tanh(q ⊙ v/‖v‖)): N×answers. The LSTM reads padding, too, so all
/// questions must be padded to the length of training; the backward pass takes ‖v‖ for a constant.
Network basic_vqa_head(const BasicVqaSizes& sizes = {});

/// Adds 1 to the bias of every LSTM's forget gates, so that before training what the first step brought lasts to the
/// last (Jozefowicz et al. 2015).
void open_forget_gates(Network& head);

}  // namespace backlight::language
