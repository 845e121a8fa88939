# The study is no part of the library: the benchmark and the tests build it for themselves.
set(study_kernels
  ${PROJECT_SOURCE_DIR}/kernels/study/empty.cu
  ${PROJECT_SOURCE_DIR}/kernels/study/gradient_gap/ladder.cu
  ${PROJECT_SOURCE_DIR}/kernels/study/guided_relu/ladder.cu
  ${PROJECT_SOURCE_DIR}/kernels/study/sgemm/ladder.cu
  ${PROJECT_SOURCE_DIR}/kernels/study/upsampling/ladder.cu
  ${PROJECT_SOURCE_DIR}/kernels/study/weighted_sum/ladder.cu
)

# add_study(TARGET LIBRARY): compiled by nvcc for the real library, by the host's compiler for an emulated one.
function(add_study target library)
  add_library(${target} STATIC ${study_kernels} ${PROJECT_SOURCE_DIR}/kernels/study/study.cpp)
  target_link_libraries(${target} PUBLIC ${library} PRIVATE $<BUILD_INTERFACE:backlight_flags>)
  if(BACKLIGHT_CUDA STREQUAL "REAL" AND library STREQUAL "backlight")
    target_link_libraries(${target} PUBLIC CUDA::cudart_static)
    compile_by_nvcc(${target})
    return()
  endif()
  target_link_libraries(${target} PUBLIC emulator)
  set_source_files_properties(${study_kernels} TARGET_DIRECTORY ${target} PROPERTIES
    LANGUAGE CXX COMPILE_OPTIONS "-xc++;-Wno-unknown-pragmas")
endfunction()
