# Installs the build into an empty prefix, and builds and runs the README's C++ examples against it, out of tree.
function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
  message("${output}")
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "failed with ${code}: ${ARGV}")
  endif()
endfunction()

file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix)

# What it needs of others is found where it is then.
file(GLOB_RECURSE targets ${WORK}/prefix/*/backlightTargets.cmake)
file(STRINGS ${targets} absolute REGEX "INTERFACE_LINK_LIBRARIES.*[\";]/")
if(NOT targets OR absolute)
  message(FATAL_ERROR "${targets} names files of this machine: ${absolute}")
endif()

# Every ```cpp block of the README becomes a file.
file(READ ${SOURCE}/README.md rest)
set(count 0)
string(FIND "${rest}" "```cpp\n" begin)
while(begin GREATER_EQUAL 0)
  math(EXPR begin "${begin} + 7")
  string(SUBSTRING "${rest}" ${begin} -1 rest)
  string(FIND "${rest}" "```" end)
  string(SUBSTRING "${rest}" 0 ${end} snippet)
  math(EXPR count "${count} + 1")
  file(WRITE ${WORK}/snippets/example${count}.cpp "${snippet}")
  math(EXPR end "${end} + 3")
  string(SUBSTRING "${rest}" ${end} -1 rest)
  string(FIND "${rest}" "```cpp\n" begin)
endwhile()
if(NOT count EQUAL 3)
  message(FATAL_ERROR "README.md has ${count} C++ examples, expected 3")
endif()

run(${CMAKE_COMMAND} -S ${SOURCE}/tests/install/consumer -B ${WORK}/build -G Ninja -DCMAKE_BUILD_TYPE=Release
    -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_PREFIX_PATH=${WORK}/prefix -DSNIPPETS=${WORK}/snippets)
run(${CMAKE_COMMAND} --build ${WORK}/build)

file(GLOB weights ${WORK}/prefix/share/backlight/backlight_scenes.safetensors)
run(${WORK}/build/example1 ${weights} ${SOURCE}/tests/images/cat_and_espresso.png ${WORK}/overlay.png)
if(NOT EXISTS ${WORK}/overlay.png)
  message(FATAL_ERROR "the first example wrote no overlay")
endif()
run(${WORK}/build/example2)

# The third explains on a GPU; where there is none it says so and ends with 5.
file(COPY_FILE ${SOURCE}/tests/images/cat_and_espresso.png ${WORK}/picture.png)
execute_process(COMMAND ${WORK}/build/example3 ${weights} ${WORK}/picture.png
                RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
message("${output}")
if(code EQUAL 0)
  if(NOT EXISTS ${WORK}/picture.png.cam.png)
    message(FATAL_ERROR "the third example wrote no overlay")
  endif()
elseif(NOT code EQUAL 5 OR NOT output MATCHES "^no CUDA device: ")
  message(FATAL_ERROR "the third example ended with ${code}")
endif()
