// The versions are compiled as one unit, which saves reading the headers once a version.
#include "kernels/study/gradient_gap/v1_one_thread_per_channel.cu"
#include "kernels/study/gradient_gap/v2_one_block_per_channel.cu"
#include "kernels/study/gradient_gap/v3_sequential_tree.cu"
#include "kernels/study/gradient_gap/v4_one_warp_per_channel.cu"
#include "kernels/study/gradient_gap/v5_four_loads_in_flight.cu"
#include "kernels/study/gradient_gap/v6_sixteen_byte_loads.cu"
