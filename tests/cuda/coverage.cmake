# Which lines of the CUDA code the tests of this folder execute. The code is compiled once more to count them; the tests
# and the rest of the library are the object files that exist already.
find_package(Python3 QUIET COMPONENTS Interpreter)
string(REGEX MATCH "^[0-9]+" compiler_major "${CMAKE_CXX_COMPILER_VERSION}")
find_program(GCOV NAMES gcov-${compiler_major} gcov)

set(coverage_test "cuda: the tests execute at least 99 % of the CUDA code's lines")
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND GCOV AND Python3_FOUND AND NOT BACKLIGHT_SANITIZE)
  add_library(cuda_covered OBJECT
    ${PROJECT_SOURCE_DIR}/engine/explain/device_display.cpp
    ${PROJECT_SOURCE_DIR}/engine/explain/explanation_graph.cpp
    ${PROJECT_SOURCE_DIR}/kernels/preprocess/device_preprocess.cpp
  )
  add_emulated_cuda(cuda_covered emulator)
  target_compile_options(cuda_covered PRIVATE --coverage -O0)  # no line is optimised away, none merged with another
  target_include_directories(cuda_covered PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(cuda_covered PRIVATE backlight_flags)

  # These objects come first, so that neither the archive's members of the same name nor another file's copies of
  # inline functions are taken in their place.
  add_executable(test_cuda_coverage $<TARGET_OBJECTS:cuda_covered> $<TARGET_OBJECTS:test_cuda>
                                    $<TARGET_OBJECTS:cuda_kernel_tests>)
  set_target_properties(test_cuda_coverage PROPERTIES LINKER_LANGUAGE CXX)
  target_link_options(test_cuda_coverage PRIVATE --coverage)
  target_link_libraries(test_cuda_coverage PRIVATE backlight_emulated emulator doctest_main)
  add_test(NAME ${coverage_test}
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/coverage.py --gcov ${GCOV} --minimum 99
            --source ${PROJECT_SOURCE_DIR} --objects ${CMAKE_CURRENT_BINARY_DIR}/CMakeFiles/cuda_covered.dir
            --program $<TARGET_FILE:test_cuda_coverage>)
else()
  add_test(NAME ${coverage_test}
    COMMAND ${CMAKE_COMMAND} -E echo "skipped: this needs g++ with its gcov, python3, and a build without sanitizers")
endif()
set_tests_properties(${coverage_test} PROPERTIES LABELS "cuda;coverage" COST 100 TIMEOUT 600 SKIP_REGULAR_EXPRESSION "skipped: ")
