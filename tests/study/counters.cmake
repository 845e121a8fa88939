# Compares what study_counters counts with the committed file, if the same compiler counted.
#   cmake -D PROGRAM=.../study_counters -D COMMITTED=kernels/study/counters.csv -P counters.cmake
execute_process(COMMAND ${PROGRAM} OUTPUT_VARIABLE counted RESULT_VARIABLE code)
if(NOT code EQUAL 0)
  message(FATAL_ERROR "${PROGRAM} failed: ${code}")
endif()
file(READ ${COMMITTED} committed)
string(REGEX MATCH "^#[^\n]*" by "${counted}")
string(REGEX MATCH "^#[^\n]*" committed_by "${committed}")
if(NOT by STREQUAL committed_by)
  message("skipped: here '${by}', committed '${committed_by}'")
  return()
endif()
if(NOT counted STREQUAL committed)
  message(FATAL_ERROR "${COMMITTED} is not what is counted now; if the kernels were meant to change, write it anew:\n"
                      "  ${PROGRAM} > ${COMMITTED}\n${counted}")
endif()
