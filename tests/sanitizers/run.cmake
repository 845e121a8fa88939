# Builds test executables with sanitizers in a build tree of their own and runs them:
#   cmake -D SOURCE=... -D BUILD=... -D COMPILER=... -D SANITIZE=thread -D TARGETS="test_engine" [-D FILTER=...] -P run.cmake
function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "${ARGV}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

run(${CMAKE_COMMAND} -S ${SOURCE} -B ${BUILD} -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo
    -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}
    -DBACKLIGHT_BUILD_TESTS=ON -DBACKLIGHT_BUILD_TOOLS=OFF -DBACKLIGHT_SANITIZE=${SANITIZE})
string(REPLACE " " ";" targets "${TARGETS}")
run(${CMAKE_COMMAND} --build ${BUILD} --target ${targets})
foreach(target IN LISTS targets)
  file(GLOB_RECURSE executable ${BUILD}/tests/${target})
  run(${executable} --test-case=${FILTER})
  if(NOT output MATCHES "test cases: +[1-9]")
    message(FATAL_ERROR "${target} has no test case that matches ${FILTER}")
  endif()
  message("${target}: no report from -fsanitize=${SANITIZE}")
endforeach()
