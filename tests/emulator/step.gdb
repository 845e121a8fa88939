# gdb -batch -x tests/emulator/step.gdb build/release/tests/emulator/emulator_example
set pagination off
set debuginfod enabled off
set width 0
# One thread of one block.
break row_mean if threadIdx.x == 5 && blockIdx.x == 2
run
print threadIdx
print blockIdx
print blockDim
backtrace 1
# Its part of the row, before the shuffle.
tbreak __shfl_xor_sync<float> if threadIdx.x == 5
continue
up
print sum
# What lane 5 ^ 16 = 21 gave: by then every lane has run up to the shuffle.
down
finish
kill
