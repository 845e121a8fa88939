# Runs step.gdb and checks what the debugger shows.
#   cmake -D GDB=... -D SCRIPT=... -D PROGRAM=... -P step.cmake
if(NOT GDB)
  message("skipped: gdb was not found")
  return()
endif()
execute_process(COMMAND ${GDB} -batch -nx -x ${SCRIPT} ${PROGRAM} OUTPUT_VARIABLE output ERROR_VARIABLE output)
message("${output}")
if(output MATCHES "ptrace|Could not trace")
  message("skipped: the debugger may not trace processes here")
  return()
endif()
# Row 2 of 50 numbers counted from 0: thread 5 adds up 105 and 137, thread 21 has 121 alone.
foreach(expected "= {x = 5, y = 0, z = 0}" "= {x = 2, y = 0, z = 0}" "= {x = 32, y = 1, z = 1}" "row_mean" "= 242"
                 "Value returned is $5 = 121")
  string(FIND "${output}" "${expected}" found)
  if(found EQUAL -1)
    message(FATAL_ERROR "the debugger did not show '${expected}'")
  endif()
endforeach()
