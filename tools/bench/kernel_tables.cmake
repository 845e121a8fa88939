# Writes kernel_tables.cpp: the committed counters, and registers and shared memory as nvcc reported them for one
# architecture when it compiled OBJECTS (see tools/cmake/keep_output), if it did.
#   cmake -D OBJECTS=... -D ARCHITECTURE=90 -D SOURCE=... -D OUT=kernel_tables.cpp -P kernel_tables.cmake
file(READ ${SOURCE}/kernels/study/counters.csv counters)

# Which topic each of the library's kernels belongs to.
set(library_kernels
  "channel_sum_kernel=gradient_gap"
  "weighted_sum_kernel=weighted_sum"
  "elementwise_kernel.*GuidedBackward=guided_relu"
  "upsample_kernel=upsampling"
)

set(resources)
foreach(object IN LISTS OBJECTS)
  file(READ ${object}.log output)
  string(REGEX MATCHALL "Compiling entry function '[^']+' for 'sm_[0-9]+'|Used [0-9]+ registers[^\n]*" facts "${output}")
  foreach(fact IN LISTS facts)
    if(fact MATCHES "entry function '([^']+)' for 'sm_([0-9]+)'")
      set(compiled_for ${CMAKE_MATCH_2})
      execute_process(COMMAND c++filt ${CMAKE_MATCH_1} OUTPUT_VARIABLE entry OUTPUT_STRIP_TRAILING_WHITESPACE)
      continue()
    endif()
    if(NOT compiled_for EQUAL ARCHITECTURE)
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

file(WRITE ${OUT} "// Written by tools/bench/kernel_tables.cmake.
#include \"tools/bench/kernel_tables.hpp\"

namespace backlight::bench {

const std::string_view kCountersCsv = R\"csv(${counters})csv\";
const std::string_view kResourcesCsv = R\"csv(${resources})csv\";
const std::string_view kResourcesArchitecture = \"sm_${ARCHITECTURE}\";

}  // namespace backlight::bench
")
