# add_emulator(NAME SANITIZERS): a static library. What links it is compiled against the substitute headers, with the
# sanitizers given. The emulator itself is not instrumented by ThreadSanitizer, which would see its scheduling instead
# of the kernels' memory accesses.
function(add_emulator name sanitizers)
  set(folder ${PROJECT_SOURCE_DIR}/tests/emulator)
  add_library(${name} STATIC
    ${folder}/cublas/cublas_lt.cpp
    ${folder}/cublas/matmul.cpp
    ${folder}/cudnn/convolution.cpp
    ${folder}/cudnn/descriptor.cpp
    ${folder}/cudnn/engines.cpp
    ${folder}/cudnn/execute.cpp
    ${folder}/cudnn/graph.cpp
    ${folder}/fiber.cpp
    ${folder}/shared_arena.cpp
    ${folder}/simt.cpp
    ${folder}/runtime/device.cpp
    ${folder}/runtime/graph.cpp
    ${folder}/runtime/memory.cpp
    ${folder}/runtime/pool.cpp
    ${folder}/runtime/runtime.cpp
    ${folder}/runtime/stream.cpp
  )
  set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 9)  # half of it for each of two cores
  target_include_directories(${name} PUBLIC ${folder}/include PRIVATE ${folder} INTERFACE ${PROJECT_SOURCE_DIR})
  target_compile_definitions(${name} PUBLIC BACKLIGHT_CUDA_EMULATED)
  target_compile_options(${name} PRIVATE -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion)
  target_link_libraries(${name} PRIVATE Boost::context)
  if(sanitizers STREQUAL "thread")
    target_compile_definitions(${name} PRIVATE EMULATOR_TSAN)
    target_compile_options(${name} PRIVATE -fno-tree-loop-distribute-patterns)
    target_compile_options(${name} INTERFACE -fsanitize=thread)
    target_link_options(${name} INTERFACE -fsanitize=thread)
  elseif(sanitizers)
    target_compile_options(${name} PUBLIC -fsanitize=${sanitizers} -fno-sanitize-recover=all)
    target_link_options(${name} INTERFACE -fsanitize=${sanitizers})
  endif()
endfunction()

# add_emulator_counters(EMULATOR): emulator_counted, with which kernels are compiled whose accesses to memory are counted
# (counters.hpp), and emulator_counters, which is linked with them. g++ reports each access to its ThreadSanitizer, in
# whose place the counters stand. What would merge or split accesses otherwise than nvcc does is switched off; with scalar
# replacement, a float4 would be loaded by four instructions.
function(add_emulator_counters emulator)
  set(folder ${PROJECT_SOURCE_DIR}/tests/emulator)
  add_library(emulator_counted INTERFACE)
  target_compile_options(emulator_counted INTERFACE
    -O2 -fsanitize=thread -U__SANITIZE_THREAD__ -fno-tree-sra -fno-tree-vectorize -fno-store-merging
    -fno-tree-loop-distribute-patterns)
  target_link_libraries(emulator_counted INTERFACE ${emulator})
  add_library(emulator_counters STATIC ${folder}/counters.cpp ${folder}/counters_tsan.cpp)
  target_compile_options(emulator_counters PRIVATE -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion)
  target_include_directories(emulator_counters PUBLIC ${folder})
  target_link_libraries(emulator_counters PUBLIC ${emulator})
endfunction()
