# The processor's ladders, for the benchmark and the tests. Compiled as a program for speed is, whatever the build.
include_guard(GLOBAL)
add_library(backlight_cpu_study STATIC
  ${PROJECT_SOURCE_DIR}/kernels/study/cpu_convolution/library.cpp
  ${PROJECT_SOURCE_DIR}/kernels/study/cpu_convolution/v1_as_written.cpp
  ${PROJECT_SOURCE_DIR}/kernels/study/cpu_convolution/v2_along_rows.cpp
  ${PROJECT_SOURCE_DIR}/kernels/study/cpu_convolution/v3_register_tile.cpp
  ${PROJECT_SOURCE_DIR}/kernels/study/cpu_convolution/v4_matrix_of_patches.cpp
  ${PROJECT_SOURCE_DIR}/kernels/study/cpu_convolution/v5_panels_of_patches.cpp
  ${PROJECT_SOURCE_DIR}/kernels/study/cpu_convolution/v6_winograd.cpp
  ${PROJECT_SOURCE_DIR}/kernels/study/cpu_product/library.cpp
  ${PROJECT_SOURCE_DIR}/kernels/study/cpu_product/v1_as_written.cpp
  ${PROJECT_SOURCE_DIR}/kernels/study/cpu_product/v2_along_rows.cpp
  ${PROJECT_SOURCE_DIR}/kernels/study/cpu_product/v3_cache_blocks.cpp
  ${PROJECT_SOURCE_DIR}/kernels/study/cpu_product/v4_packed_panels.cpp
  ${PROJECT_SOURCE_DIR}/kernels/study/cpu_product/v5_register_tile.cpp
)
target_link_libraries(backlight_cpu_study PUBLIC backlight PRIVATE backlight_flags)
target_compile_options(backlight_cpu_study PRIVATE -O3 -ffp-contract=fast)
