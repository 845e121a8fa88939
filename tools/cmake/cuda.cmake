# The CUDA part of the library: which files it has, and how each build compiles them.
#   OFF       the library has no CUDA, and says so when it is asked for a CUDA device
#   REAL      nvcc 12 or later, the toolkit's libraries and cuDNN 9.8 or later
#   EMULATED  the host's compiler and tests/emulator: everything runs on the CPU, slowly; for tests

# Sets CUDNN_INCLUDE_DIR and CUDNN_LIBRARY where cuDNN is installed, beside the toolkit or by itself.
function(find_cudnn)
  find_path(CUDNN_INCLUDE_DIR cudnn.h HINTS ${CUDAToolkit_INCLUDE_DIRS} /usr/local/cuda/include)
  find_library(CUDNN_LIBRARY cudnn HINTS ${CUDAToolkit_LIBRARY_DIR} /usr/local/cuda/lib64)
endfunction()

# Why this machine cannot build REAL; empty where it can.
function(find_cuda_obstacle result)
  set(${result} "" PARENT_SCOPE)
  if(NOT NVCC)
    set(${result} "nvcc was not found" PARENT_SCOPE)
    return()
  endif()
  execute_process(COMMAND ${NVCC} --version OUTPUT_VARIABLE nvcc_version)
  string(REGEX MATCH "release [0-9.]+" release "${nvcc_version}")
  string(REPLACE "release " "" release "${release}")
  if(release VERSION_LESS 12)
    set(${result} "nvcc is ${release}, and C++20 needs 12" PARENT_SCOPE)
    return()
  endif()
  if(NOT CUDNN_LIBRARY OR NOT EXISTS ${CUDNN_INCLUDE_DIR}/cudnn_version.h)
    set(${result} "cuDNN was not found: install it (NVIDIA's package cudnn), or name its files by -DCUDNN_INCLUDE_DIR and -DCUDNN_LIBRARY"
        PARENT_SCOPE)
    return()
  endif()
  file(STRINGS ${CUDNN_INCLUDE_DIR}/cudnn_version.h numbers REGEX "define CUDNN_M(AJOR|INOR) ")
  string(REGEX REPLACE "[^0-9;]" "" numbers "${numbers}")
  string(REPLACE ";" "." cudnn_version "${numbers}")
  if(cudnn_version VERSION_LESS 9.8)
    set(${result} "cuDNN is ${cudnn_version}, and its plans for a described device need 9.8" PARENT_SCOPE)
  endif()
endfunction()

# The default is REAL where it can be built, otherwise OFF. Tests of a tree that is not EMULATED link an emulated twin of
# the library.
find_program(NVCC nvcc HINTS /usr/local/cuda/bin)
find_cudnn()
find_cuda_obstacle(cuda_obstacle)
if(cuda_obstacle)
  set(cuda_default OFF)
else()
  set(cuda_default REAL)
endif()
set(BACKLIGHT_CUDA ${cuda_default} CACHE STRING "CUDA in the library: OFF, REAL or EMULATED")
set_property(CACHE BACKLIGHT_CUDA PROPERTY STRINGS OFF REAL EMULATED)
option(BACKLIGHT_ALL_ARCHITECTURES
       "REAL: compile kernels for every architecture from 7.5 to 12.0, not for three; drivers translate for the others" OFF)

# Pictures are computed without fused multiply-adds, so that they equal the CPU's to the bit.
set(cuda_picture_kernels
  ${PROJECT_SOURCE_DIR}/kernels/saliency/saliency_cuda.cu
  ${PROJECT_SOURCE_DIR}/kernels/preprocess/preprocess_cuda.cu
  ${PROJECT_SOURCE_DIR}/kernels/overlay/overlay_cuda.cu
  ${PROJECT_SOURCE_DIR}/kernels/upsample/upsample_cuda.cu
)
set(cuda_host_sources
  ${PROJECT_SOURCE_DIR}/engine/runtime/cuda/check.cpp
  ${PROJECT_SOURCE_DIR}/engine/runtime/cuda/cublas.cpp
  ${PROJECT_SOURCE_DIR}/engine/runtime/cuda/cudnn.cpp
  ${PROJECT_SOURCE_DIR}/engine/runtime/cuda/cudnn_handle.cpp
  ${PROJECT_SOURCE_DIR}/engine/runtime/cuda/devices.cpp
  ${PROJECT_SOURCE_DIR}/engine/runtime/cuda/graph.cpp
  ${PROJECT_SOURCE_DIR}/engine/runtime/cuda/library.cpp
  ${PROJECT_SOURCE_DIR}/engine/runtime/cuda/pools.cpp
  ${PROJECT_SOURCE_DIR}/engine/runtime/cuda/staging.cpp
  ${PROJECT_SOURCE_DIR}/engine/runtime/cuda/stream.cpp
  ${PROJECT_SOURCE_DIR}/engine/runtime/cuda/workspace.cpp
  ${PROJECT_SOURCE_DIR}/kernels/dispatch_cuda.cpp
  ${PROJECT_SOURCE_DIR}/kernels/grid_cuda.cpp
  ${cuda_operation_sources}
)
set(cuda_absent ${PROJECT_SOURCE_DIR}/engine/runtime/cuda/absent.cpp ${PROJECT_SOURCE_DIR}/kernels/absent_cuda.cpp)

# Adds the CUDA part to a target, or its kernels alone, compiled for an emulator (see tests/emulator/CMakeLists.txt).
function(add_emulated_kernels target)
  target_sources(${target} PRIVATE ${cuda_kernels})
  set_source_files_properties(${cuda_kernels} TARGET_DIRECTORY ${target} PROPERTIES
    LANGUAGE CXX SKIP_UNITY_BUILD_INCLUSION ON)
  target_compile_options(${target} PRIVATE -Wno-unknown-pragmas)
  target_precompile_headers(${target} PRIVATE <engine/runtime/cuda/check.hpp> <engine/runtime/cuda/stream.hpp>
                            <engine/runtime/device.hpp> <kernels/launch.hpp>)
endfunction()
function(add_emulated_cuda target emulator)
  add_emulated_kernels(${target})
  target_sources(${target} PRIVATE ${cuda_host_sources})
  target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:${emulator}> ${CMAKE_DL_LIBS})
endfunction()

# How nvcc compiles a target's kernels. What it says of them stays beside the object files. Where there are tests, a kernel
# that spills registers or gives a warning fails, and the PTX can be read in the object file.
function(compile_by_nvcc target)
  set(options --expt-relaxed-constexpr --resource-usage)
  if(BACKLIGHT_BUILD_TESTS)
    list(APPEND options "SHELL:-Xptxas -warn-spills" "SHELL:-Werror all-warnings" --no-compress)
  endif()
  target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CUDA>:${options}>")
  set(launcher ${PROJECT_SOURCE_DIR}/tools/cmake/keep_output ${CMAKE_CUDA_COMPILER_LAUNCHER})
  set_target_properties(${target} PROPERTIES CUDA_ARCHITECTURES "${CMAKE_CUDA_ARCHITECTURES}" CUDA_STANDARD 20
    CUDA_COMPILER_LAUNCHER "${launcher}")
endfunction()

if(BACKLIGHT_CUDA STREQUAL "OFF")
  if(cuda_obstacle)
    message(STATUS "Building without CUDA: ${cuda_obstacle}")
  endif()
  target_sources(backlight PRIVATE ${cuda_absent})
elseif(BACKLIGHT_CUDA STREQUAL "REAL")
  if(cuda_obstacle)
    message(FATAL_ERROR "BACKLIGHT_CUDA is REAL, but ${cuda_obstacle}")
  endif()
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    set(architectures 75 90 120)
    if(BACKLIGHT_ALL_ARCHITECTURES)
      set(architectures 75 80 86 89 90 100 120)
    endif()
    execute_process(COMMAND ${NVCC} --list-gpu-arch OUTPUT_VARIABLE known_architectures)
    foreach(architecture IN LISTS architectures)
      if(known_architectures MATCHES "compute_${architecture}\n")
        list(APPEND CMAKE_CUDA_ARCHITECTURES ${architecture})
      endif()
    endforeach()
  endif()
  enable_language(CUDA)
  if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)  # CMake 3.25 does not know how to ask nvcc 13 for C++20
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
    set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
  endif()
  find_package(CUDAToolkit REQUIRED)
  target_sources(backlight PRIVATE ${cuda_kernels} ${cuda_host_sources})
  compile_by_nvcc(backlight)
  set_source_files_properties(${cuda_picture_kernels} TARGET_DIRECTORY backlight PROPERTIES COMPILE_OPTIONS -fmad=false)
  target_link_libraries(backlight PRIVATE CUDA::cudart_static ${CMAKE_DL_LIBS})
  target_include_directories(backlight PRIVATE ${CUDNN_INCLUDE_DIR})
  # cuBLASLt and cuDNN are loaded when a device is first asked for; these are the second places to seek them.
  cmake_path(GET CUDA_cublasLt_LIBRARY PARENT_PATH cublas_folder)
  cmake_path(GET CUDNN_LIBRARY PARENT_PATH cudnn_folder)
  set_source_files_properties(${PROJECT_SOURCE_DIR}/engine/runtime/cuda/cublas.cpp TARGET_DIRECTORY backlight
    PROPERTIES COMPILE_DEFINITIONS BACKLIGHT_CUDA_FOLDER="${cublas_folder}")
  set_source_files_properties(${PROJECT_SOURCE_DIR}/engine/runtime/cuda/cudnn.cpp TARGET_DIRECTORY backlight
    PROPERTIES COMPILE_DEFINITIONS BACKLIGHT_CUDNN_FOLDER="${cudnn_folder}")
elseif(BACKLIGHT_CUDA STREQUAL "EMULATED")
  find_package(Boost REQUIRED COMPONENTS context)
  include(${PROJECT_SOURCE_DIR}/tests/emulator/emulator.cmake)
  add_emulator(emulator "${BACKLIGHT_SANITIZE}")
  add_emulated_cuda(backlight emulator)
else()
  message(FATAL_ERROR "BACKLIGHT_CUDA is '${BACKLIGHT_CUDA}': expected OFF, REAL or EMULATED")
endif()
