# Writes kernel_tables.cpp: the committed counters, and registers and shared memory as nvcc reports them, where it is.
#   cmake -D NVCC=... -D SOURCE=... -D OUT=kernel_tables.cpp -P kernel_tables.cmake
set(architecture 90)
file(READ ${SOURCE}/kernels/study/counters.csv counters)

# In which files the kernels are, and, of the library's, which topic each belongs to.
set(files
  kernels/study/gradient_gap/ladder.cu
  kernels/study/guided_relu/ladder.cu
  kernels/study/sgemm/ladder.cu
  kernels/study/upsampling/ladder.cu
  kernels/study/weighted_sum/ladder.cu
  kernels/grad_cam/grad_cam_cuda.cu
  kernels/relu/relu_cuda.cu
  kernels/upsample/upsample_cuda.cu
)
set(library_kernels
  "channel_sum_kernel=gradient_gap"
  "weighted_sum_kernel=weighted_sum"
  "elementwise_kernel.*GuidedBackward=guided_relu"
  "upsample_kernel=upsampling"
)

set(resources)
if(NVCC)
  foreach(kernel_file IN LISTS files)
    execute_process(
      COMMAND ${NVCC} -std=c++20 --expt-relaxed-constexpr -I${SOURCE} -arch=sm_${architecture} --resource-usage -cubin
              ${SOURCE}/${kernel_file} -o ${OUT}.cubin
      RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
    if(NOT code EQUAL 0)
      message(FATAL_ERROR "${output}")
    endif()
    string(REGEX MATCHALL "Compiling entry function '[^']+'|Used [0-9]+ registers[^\n]*" facts "${output}")
    foreach(fact IN LISTS facts)
      if(fact MATCHES "entry function '([^']+)'")
        execute_process(COMMAND c++filt ${CMAKE_MATCH_1} OUTPUT_VARIABLE entry OUTPUT_STRIP_TRAILING_WHITESPACE)
        continue()
      endif()
      string(REGEX MATCH "Used ([0-9]+) registers" unused "${fact}")
      set(registers ${CMAKE_MATCH_1})
      set(shared 0)
      if(fact MATCHES "([0-9]+) bytes smem")
        set(shared ${CMAKE_MATCH_1})
      endif()
      if(entry MATCHES "backlight::study::([a-z_]+)::(v[0-9]+[a-z0-9_]+)::")
        string(APPEND resources "${CMAKE_MATCH_1},${CMAKE_MATCH_2},${registers},${shared}\n")
        continue()
      endif()
      foreach(known IN LISTS library_kernels)
        string(REGEX MATCH "^(.*)=(.*)$" unused "${known}")
        set(topic ${CMAKE_MATCH_2})
        if(entry MATCHES "${CMAKE_MATCH_1}")
          string(APPEND resources "${topic},library,${registers},${shared}\n")
        endif()
      endforeach()
    endforeach()
  endforeach()
  file(REMOVE ${OUT}.cubin)
endif()

file(WRITE ${OUT} "// Written by tools/bench/kernel_tables.cmake.
#include \"tools/bench/kernel_tables.hpp\"

namespace backlight::bench {

const std::string_view kCountersCsv = R\"csv(${counters})csv\";
const std::string_view kResourcesCsv = R\"csv(${resources})csv\";
const std::string_view kResourcesArchitecture = \"sm_${architecture}\";

}  // namespace backlight::bench
")
