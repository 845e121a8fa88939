// The versions are compiled as one unit, which saves reading the headers once a version.
#include "kernels/study/upsampling/v1_one_thread_per_row.cu"
#include "kernels/study/upsampling/v2_one_thread_per_pixel.cu"
#include "kernels/study/upsampling/v3_positions_once.cu"
#include "kernels/study/upsampling/v4_rows_reused.cu"
#include "kernels/study/upsampling/v5_sixteen_byte_stores.cu"
