/* The C interface of backlight: opens a network with its weights, classifies pictures, and shows what in
   them made the network say what it said. C99, for C++ and for whatever calls C, too. Everything runs on
   the CPU.

   Errors. A function that can fail returns a status, and leaves a message that names what was found, what
   was expected and what to do; bl_last_error() has it. Then nothing was made and nothing written, but for
   handles, which are set to NULL. No exception leaves the library, and bad input of any kind is an error
   and never a crash, as far as C lets the library see it: it cannot see that a pointer is wild, or that
   memory is smaller than the caller says.

   Structs. Each begins with its size, by which the library knows which header the caller was compiled
   with:
       bl_question question = {.struct_size = sizeof question};
   What is zero has its default. Later versions add members at the end, never into padding; a library that
   does not know a member refuses what is not zero there.

   Threads. Every function may be called by any number of threads at once, with the same handles as well. A
   handle is freed by one thread, when no other uses it any more. A call starts the threads that it
   computes with and ends them before it returns; it must not be ended by pthread_cancel.

   Strings are UTF-8 and end with a zero. Those that the library gives are its own: they live as long as
   the handle that they came from, and those that came from none for ever. */
#ifndef BACKLIGHT_H
#define BACKLIGHT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised when a program that was linked with an older library would no longer run with this one. */
#define BL_ABI_VERSION 1
/* The version that the library was built as, which may be newer than this header's. */
int bl_abi_version(void);
/* "0.1.0" */
const char* bl_version(void);

typedef enum bl_status {
  BL_OK = 0,
  BL_INTERNAL = 1,    /* a broken invariant of backlight itself */
  BL_USAGE = 2,       /* the caller asked for something that cannot be meant */
  BL_BAD_INPUT = 3,   /* a file or a picture is not what it should be */
  BL_UNSUPPORTED = 4, /* well-formed, but not something backlight can do */
  BL_RESOURCES = 5    /* memory, disk or threads are lacking */
} bl_status;

/* Why this thread's last call that returns a status failed; "" where it did not. Holds until the thread's
   next such call. At most 1023 bytes; a longer message is cut. */
const char* bl_last_error(void);

/* ---- Methods ---- */

typedef struct bl_method {
  size_t struct_size;
  const char* name;       /* "grad-cam", as a question names it */
  const char* summary;    /* what it shows, in less than a line */
  const char* paper;      /* "arXiv:1610.02391"; or the program that has it alone */
  int32_t takes_layer;    /* looks at a layer of choice */
  int32_t needs_cam_head; /* only for networks that end in pooling and one linear layer or 1x1 convolution */
  int32_t needs_input_gradient; /* goes back to the input, which takes memory for every layer */
  int32_t backwards;      /* backward passes per class; of a picture one forward pass serves all questions */
  int32_t counterfactual; /* whether what would lower the score has a meaning */
} bl_method;

size_t bl_method_count(void);
/* The method at an index below bl_method_count(). BL_USAGE for another. */
bl_status bl_method_get(size_t index, bl_method* out);

/* ---- Models ---- */

/* A network with its weights, the names of its classes, and how it wants its pictures. */
typedef struct bl_model bl_model;

typedef struct bl_open_options {
  size_t struct_size;
  const char* architecture; /* the network's name, "resnet50"; NULL: recognised from the file */
  const char* key;          /* which state dict of a training checkpoint; NULL: the only one */
  const char* prefix;       /* which network of a file that holds several; NULL: the only one */
  const char* labels;       /* a file of class names; NULL: the file's own, or those that are known */
  int32_t ignore_unused;    /* not 0: goes on where the file has tensors that the network would not use */
  int32_t threads;          /* that a call computes with, 1024 at most; 0: one per processor that there is */
  const char* isa;          /* "avx512", "avx2", "portable": which kernels; NULL: the widest the processor has */
} bl_open_options;

/* Opens a file of weights: PyTorch's zip, legacy and tar containers, and safetensors; nothing in it is
   executed. `options` may be NULL. `*out` is to be freed. BL_BAD_INPUT for a file that is damaged or does
   not fit the network, BL_UNSUPPORTED for one of no known network or of one that computes more, and for an isa
   that the processor lacks, BL_USAGE where something is to be chosen or the options do not fit. */
bl_status bl_model_open(const char* path, const bl_open_options* options, bl_model** out);
/* The same for a file's content, which is not needed afterwards. `name` is what messages call it. */
bl_status bl_model_open_memory(const void* content, size_t size, const char* name,
                               const bl_open_options* options, bl_model** out);
void bl_model_free(bl_model* model);

typedef struct bl_model_info {
  size_t struct_size;
  const char* architecture;
  const char* default_layer;  /* where methods look by default */
  const char* weights_sha256; /* 64 hexadecimal digits */
  const char* assumptions;    /* what the file does not say and was taken to be so, a line each; or "" */
  int64_t classes;
  int32_t input_size;     /* side of the square that the network sees of a picture, in pixels */
  int32_t input_channels; /* of the network: 3, 1 for grey, 4 with alpha */
} bl_model_info;

bl_status bl_model_get_info(const bl_model* model, bl_model_info* out);
/* The name of a class, "class 7" where nobody gave it one; NULL for an index that is none. */
const char* bl_model_class_name(const bl_model* model, int64_t index);

/* ---- Pictures ---- */

/* One byte a sample, the samples of a pixel side by side. */
typedef enum bl_format {
  BL_RGB = 0,
  BL_BGR = 1,
  BL_RGBA = 2, /* not premultiplied; alpha is seen by networks of four channels, the colours by all */
  BL_GREY = 3
} bl_format;

/* At most 178,956,970 pixels. */
typedef struct bl_image {
  size_t struct_size;
  const uint8_t* pixels; /* the top left one; only read, and not needed after the call */
  int32_t width, height; /* in pixels */
  ptrdiff_t stride;      /* bytes from a row to the one below, negative where rows are stored from the bottom;
                            0: rows without gaps */
  int32_t format;        /* a bl_format */
} bl_image;

/* How a picture of any size becomes the network's input. */
typedef enum bl_fit {
  BL_FIT_CROP = 0,    /* the short side is resized, then the central square taken */
  BL_FIT_STRETCH = 1, /* both sides are resized to the input's */
  BL_FIT_NONE = 2     /* at its own size, for networks that accept any */
} bl_fit;

/* The `count` best classes, best first: indices, scores (before any softmax) and probabilities, `count` of
   each; an array that is NULL is left out. `fit` is a bl_fit. BL_USAGE for a count that is not between 1
   and the number of classes, and for an image that is none. */
bl_status bl_classify(const bl_model* model, const bl_image* image, int32_t fit, size_t count,
                      int64_t* classes, float* scores, double* probabilities);

/* ---- Explanations ---- */

typedef struct bl_question {
  size_t struct_size;
  const char* method;         /* the name of a bl_method; NULL: "grad-cam" */
  const char* layer;          /* where it looks, a path of PyTorch's module names; NULL: the preset's */
  const char* preset;         /* whose decisions: "paper", "captum", "torch-cam", of "grad-cam++" "paper-code", too;
                                 NULL: "pytorch-grad-cam" */
  const int64_t* class_index; /* what is explained; NULL: the class of the highest score */
  int32_t counterfactual;     /* not 0: what would lower the score */
} bl_question;

typedef struct bl_explanation bl_explanation;

/* Answers `count` questions about a picture, each in its place of `out`, by one forward pass; each answer
   is to be freed. Questions of one class stand best side by side. All questions have the struct_size of
   the first. BL_USAGE for a method, layer, preset or class that is not there and for an image that is
   none, BL_UNSUPPORTED for a preset or a network that the method is not defined for, BL_BAD_INPUT for
   values that are not finite, BL_RESOURCES where the picture's activations do not fit into memory. */
bl_status bl_explain(const bl_model* model, const bl_image* image, int32_t fit, const bl_question* questions,
                     size_t count, bl_explanation** out);
void bl_explanation_free(bl_explanation* explanation);

typedef struct bl_explanation_info {
  size_t struct_size;
  const char* method;
  const char* layer; /* NULL for a method that looks at none */
  int64_t class_index;
  double probability;
  float score;                                 /* before any softmax */
  int32_t map_channels, map_height, map_width; /* of bl_explanation_map */
  int32_t picture_width, picture_height;       /* of bl_explanation_overlay: the picture's own size */
  int32_t positive_evidence; /* 0: of a layer's map no value is above 0, nothing there speaks for the class */
  int32_t has_box;           /* where the evidence lies; not for methods without a layer's map */
  double box[4]; /* left, top, right, bottom: edges, in pixels of the picture; zeros without a box */
} bl_explanation_info;

bl_status bl_explanation_get_info(const bl_explanation* explanation, bl_explanation_info* out);
/* Writes what the method gives, signed and unscaled, map_channels x map_height x map_width values, row by
   row: the map at the layer (one channel), or the gradient of the network's input, in the order R G B (A), or
   grey. `capacity` counts the floats at `out`: BL_USAGE where they are too few. */
bl_status bl_explanation_map(const bl_explanation* explanation, float* out, size_t capacity);
/* Writes the picture with the map laid over it, or the gradient at its place on the picture, as the preset
   shows it: picture_height rows of picture_width pixels of a bl_format but BL_GREY, `stride` bytes from
   row to row, 0: without gaps. Gaps are not written to; alpha is 255. `capacity` counts the bytes at
   `out`: BL_USAGE where they are too few. */
bl_status bl_explanation_overlay(const bl_explanation* explanation, int32_t format, uint8_t* out,
                                 size_t stride, size_t capacity);

#ifdef __cplusplus
}
#endif

#endif
