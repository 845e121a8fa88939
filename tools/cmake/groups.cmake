# The library's files are compiled a few of one folder at a time, CUDA's apart from the others: most of the time goes into
# headers that all of them include. Names in anonymous namespaces are used once in a folder. By themselves stay those that a
# test compiles once more and links in place of the library's, and pictures' files: who reads none needs no codec's library.

# group_of(RESULT NAME): the folder in whose groups a file is compiled; what reads or writes JSON is a group of its own, since
# nlohmann/json takes longer than anything else.
function(group_of result name)
  string(REGEX MATCH "^(engine/evaluate|engine/image|engine/train|[a-z]+)" group ${name})
  if(name MATCHES "/label_file|/safetensors|/vocabulary")
    set(group json)
  endif()
  string(REPLACE "/" "_" group ${group})
  set(${result} ${group} PARENT_SCOPE)
endfunction()

set(files_of_a_group 8)
get_target_property(sources backlight SOURCES)
get_target_property(source_folder backlight SOURCE_DIR)
list(FILTER sources INCLUDE REGEX "\\.cpp$")
list(FILTER sources EXCLUDE REGEX "/engine/image/|^engine/image/|/(device_display|explanation_graph|device_preprocess)\\.cpp$")
foreach(source IN LISTS sources)
  file(RELATIVE_PATH name ${source_folder} ${source})
  group_of(group ${name})
  if(name MATCHES "runtime/cuda/|_cuda\\.")
    string(APPEND group "_cuda")
  endif()
  list(APPEND ${group}_files ${source})
  list(LENGTH ${group}_files count)
  math(EXPR part "${count} / ${files_of_a_group}")
  set_source_files_properties(${source} TARGET_DIRECTORY backlight PROPERTIES UNITY_GROUP ${group}_${part})
endforeach()
set_target_properties(backlight PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
target_compile_options(backlight PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wno-subobject-linkage>)
