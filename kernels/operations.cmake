# The operations, each a folder of its own, whose files are found by their names:
#   *.cu         CUDA's kernels
#   *_cuda.cpp   what the host does for them
#   naive.cpp    the operation as its equations read, for tests
#   *.cpp        the layer, and the CPU's code
set(operations
  add
  batch_norm
  colormap
  concat
  conv2d
  copy
  cross_entropy
  dropout
  flatten
  gemm
  grad_cam
  linear
  local_response_norm
  overlay
  pool
  preprocess
  relu
  saliency
  sgd
  softmax
  strided_identity_pad
  target
  upsample
)
set(operation_files)
foreach(operation IN LISTS operations)
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/${operation}/*.cpp ${CMAKE_CURRENT_LIST_DIR}/${operation}/*.cu)
  list(APPEND operation_files ${files})
endforeach()

set(cuda_kernels ${operation_files})
list(FILTER cuda_kernels INCLUDE REGEX "\\.cu$")
set(cuda_operation_sources ${operation_files})
list(FILTER cuda_operation_sources INCLUDE REGEX "_cuda\\.cpp$")
set(naive_sources ${operation_files})
list(FILTER naive_sources INCLUDE REGEX "/naive\\.cpp$")
set(operation_sources ${operation_files})
list(FILTER operation_sources EXCLUDE REGEX "\\.cu$|_cuda\\.cpp$|/naive\\.cpp$")
