// The versions are compiled as one unit, which saves reading the headers once a version.
#include "kernels/study/weighted_sum/v1_one_block_per_position.cu"
#include "kernels/study/weighted_sum/v2_one_thread_per_position.cu"
#include "kernels/study/weighted_sum/v3_channels_shared_by_groups.cu"
#include "kernels/study/weighted_sum/v4_eight_loads_in_flight.cu"
#include "kernels/study/weighted_sum/v5_sixteen_byte_loads.cu"
#include "kernels/study/weighted_sum/v6_channels_shared_by_blocks.cu"
