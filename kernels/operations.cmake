# Every folder is an operation (but study), whose files are found by their names:
#   *.cu         CUDA's kernels
#   *_cuda.cpp   what the host does for them
#   naive.cpp    the operation as its equations read, for tests
#   *.cpp        the layer, and the CPU's code
file(GLOB operation_files CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*/*.cpp ${CMAKE_CURRENT_LIST_DIR}/*/*.cu)
list(FILTER operation_files EXCLUDE REGEX "/study/")

set(cuda_kernels ${operation_files})
list(FILTER cuda_kernels INCLUDE REGEX "\\.cu$")
set(cuda_operation_sources ${operation_files})
list(FILTER cuda_operation_sources INCLUDE REGEX "_cuda\\.cpp$")
set(naive_sources ${operation_files})
list(FILTER naive_sources INCLUDE REGEX "/naive\\.cpp$")
set(operation_sources ${operation_files})
list(FILTER operation_sources EXCLUDE REGEX "\\.cu$|_cuda\\.cpp$|/naive\\.cpp$")
