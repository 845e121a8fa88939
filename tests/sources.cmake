# What is compiled a second time takes its sources from where they are listed.

# sources_of(RESULT TARGET): as absolute paths.
function(sources_of result target)
  get_target_property(sources ${target} SOURCES)
  get_target_property(folder ${target} SOURCE_DIR)
  set(absolute)
  foreach(source IN LISTS sources)
    cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY ${folder})
    list(APPEND absolute ${source})
  endforeach()
  set(${result} ${absolute} PARENT_SCOPE)
endfunction()

# link_as_the_library(TARGET): what the library needs, but for CUDA; TARGET stands in its place.
function(link_as_the_library target)
  get_target_property(libraries backlight LINK_LIBRARIES)
  list(FILTER libraries EXCLUDE REGEX "^::@|^CUDA::|emulator")
  target_link_libraries(${target} PUBLIC ${libraries})
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/generated)
endfunction()
