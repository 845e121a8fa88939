# Compares the substitute headers with the toolkit's: every enumerator's value, every function's type, every type's size.
# A program that prints them is made from the substitute's own text, so nothing in it is left out; it is compiled against
# both and must print the same.
#   cmake -D NVCC=... -D COMPILER=... -D SOURCE=.../tests/emulator -D WORK=... -P headers.cmake
if(NOT NVCC)
  message("skipped: the CUDA toolkit was not found")
  return()
endif()
get_filename_component(nvcc ${NVCC} REALPATH)
get_filename_component(toolkit ${nvcc} DIRECTORY)
get_filename_component(toolkit ${toolkit} DIRECTORY)
file(MAKE_DIRECTORY ${WORK})

file(READ ${SOURCE}/include/cuda_runtime_api.h api)
file(READ ${SOURCE}/include/vector_types.h vectors)
string(REGEX MATCHALL "cuda[A-Za-z0-9]+ = [0-9]+" enumerators "${api}")
string(REGEX MATCHALL "\n(cudaError_t|const char\\*) cuda[A-Za-z0-9]+\\(" functions "${api}")
string(REGEX MATCHALL "cuda[A-Za-z0-9]+_t" types "${api}")
string(REGEX MATCHALL "(struct|enum) cuda[A-Za-z0-9]+ {" records "${api}")
string(REGEX MATCHALL "define cuda[A-Za-z0-9]+ 0x[0-9]+" flags "${api}")
string(REGEX MATCHALL "BACKLIGHT_VECTORS\\([a-z ]+, [a-z]+, [0-9]" vectors "${vectors}")

set(lines)
foreach(item IN LISTS enumerators flags)
  string(REGEX MATCH "cuda[A-Za-z0-9]+" name "${item}")
  list(APPEND lines "  std::printf(\"${name} = %lld\\n\", static_cast<long long>(${name}))$<SEMICOLON>")
endforeach()
foreach(item IN LISTS functions)
  string(REGEX MATCHALL "cuda[A-Z][A-Za-z0-9]+" name "${item}")
  list(REMOVE_ITEM name cudaError)
  list(APPEND lines "  std::printf(\"${name}: %s\\n\", typeid(decltype(&${name})).name())$<SEMICOLON>")
endforeach()
foreach(item IN LISTS types records)
  string(REGEX MATCH "cuda[A-Za-z0-9_]+" name "${item}")
  list(APPEND lines "  std::printf(\"sizeof ${name} = %zu\\n\", sizeof(${name}))$<SEMICOLON>")
endforeach()
foreach(item IN LISTS vectors)
  string(REGEX REPLACE "^BACKLIGHT_VECTORS\\([a-z ]+, ([a-z]+), .*" "\\1" stem "${item}")
  foreach(extent 1 2 3 4)
    list(APPEND lines "  std::printf(\"${stem}${extent}: %zu %zu\\n\", sizeof(${stem}${extent}), alignof(${stem}${extent}))$<SEMICOLON>")
  endforeach()
endforeach()

# cuBLASLt's header follows the same conventions under other prefixes.
file(READ ${SOURCE}/include/cublasLt.h blas)
string(REGEX MATCHALL "(CUBLAS|CUDA_R)[A-Z0-9_]+ = [0-9]+" enumerators "${blas}")
string(REGEX MATCHALL "\n(cublasStatus_t|const char\\*|size_t) cublasLt[A-Za-z]+\\(" functions "${blas}")
string(REGEX MATCHALL "cublas[A-Za-z]+_t" types "${blas}")
foreach(item IN LISTS enumerators)
  string(REGEX MATCH "[A-Z0-9_]+" name "${item}")
  list(APPEND lines "  std::printf(\"${name} = %lld\\n\", static_cast<long long>(${name}))$<SEMICOLON>")
endforeach()
foreach(item IN LISTS functions)
  string(REGEX MATCH "cublasLt[A-Za-z]+" name "${item}")
  list(APPEND lines "  std::printf(\"${name}: %s\\n\", typeid(decltype(&${name})).name())$<SEMICOLON>")
endforeach()
foreach(name IN LISTS types)
  list(APPEND lines "  std::printf(\"sizeof ${name} = %zu\\n\", sizeof(${name}))$<SEMICOLON>")
endforeach()

# cuDNN's, too. It is installed beside the toolkit or not at all.
if(EXISTS ${toolkit}/include/cudnn.h)
  set(cudnn "#include <cudnn.h>")
  file(READ ${SOURCE}/include/cudnn.h dnn)
  string(REGEX MATCHALL "CUDNN_[A-Za-z0-9_]+ = [0-9]+" enumerators "${dnn}")
  string(REGEX MATCHALL "\n(cudnnStatus_t|const char\\*|size_t|void) cudnn[A-Za-z]+\\(" functions "${dnn}")
  string(REGEX MATCHALL "cudnn[A-Za-z]+_t" types "${dnn}")
  foreach(item IN LISTS enumerators)
    string(REGEX MATCH "[A-Za-z0-9_]+" name "${item}")
    list(APPEND lines "  std::printf(\"${name} = %lld\\n\", static_cast<long long>(${name}))$<SEMICOLON>")
  endforeach()
  foreach(item IN LISTS functions)
    string(REGEX MATCH "cudnn[A-Z][A-Za-z]+\\(" name "${item}")
    string(REPLACE "(" "" name "${name}")
    list(APPEND lines "  std::printf(\"${name}: %s\\n\", typeid(decltype(&${name})).name())$<SEMICOLON>")
  endforeach()
  foreach(name IN LISTS types)
    list(APPEND lines "  std::printf(\"sizeof ${name} = %zu\\n\", sizeof(${name}))$<SEMICOLON>")
  endforeach()
else()
  message("cuDNN's header was not found beside the toolkit's: not compared")
endif()
list(REMOVE_DUPLICATES lines)
list(LENGTH lines count)
if(count LESS 300)
  message(FATAL_ERROR "only ${count} names were found in the substitute headers")
endif()
list(JOIN lines "\n" body)
string(REPLACE "$<SEMICOLON>" ";" body "${body}")
file(WRITE ${WORK}/headers.cpp "#include <cublasLt.h>
#include <cuda_runtime_api.h>
${cudnn}

#include <cstddef>
#include <cstdio>
#include <typeinfo>

int main() {
${body}
  std::printf(\"cudaDeviceProp::name at %zu\\n\", offsetof(cudaDeviceProp, name));
  std::printf(\"cudaDeviceProp::totalGlobalMem at %zu\\n\", offsetof(cudaDeviceProp, totalGlobalMem));
  std::printf(\"cudaPointerAttributes::hostPointer at %zu\\n\", offsetof(cudaPointerAttributes, hostPointer));
  std::printf(\"dim3: %zu\\n\", sizeof(dim3));
}
")

foreach(variant substitute real)
  set(include ${SOURCE}/include)
  if(variant STREQUAL "real")
    set(include ${toolkit}/include)
  endif()
  execute_process(COMMAND ${COMPILER} -std=c++20 -isystem ${include} ${WORK}/headers.cpp -o ${WORK}/${variant}
                  RESULT_VARIABLE code ERROR_VARIABLE output)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "the ${variant} headers:\n${output}")
  endif()
  execute_process(COMMAND ${WORK}/${variant} OUTPUT_VARIABLE ${variant} RESULT_VARIABLE code)
endforeach()
if(NOT substitute STREQUAL real)
  string(REPLACE "\n" ";" left "${substitute}")
  string(REPLACE "\n" ";" right "${real}")
  foreach(a b IN ZIP_LISTS left right)
    if(NOT a STREQUAL b)
      message("substitute: ${a}\n      real: ${b}")
    endif()
  endforeach()
  message(FATAL_ERROR "the substitute headers differ from those in ${toolkit}/include")
endif()
message("${count} names agree with those in ${toolkit}/include")
