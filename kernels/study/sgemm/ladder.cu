// The versions are compiled as one unit, which saves reading the headers once a version.
#include "kernels/study/sgemm/cublaslt.cu"
#include "kernels/study/sgemm/v1_lanes_down_a_column.cu"
#include "kernels/study/sgemm/v2_lanes_along_a_row.cu"
#include "kernels/study/sgemm/v3_shared_tiles.cu"
#include "kernels/study/sgemm/v4_eight_rows_per_thread.cu"
#include "kernels/study/sgemm/v5_eight_by_eight_per_thread.cu"
#include "kernels/study/sgemm/v6_sixteen_byte_accesses.cu"
#include "kernels/study/sgemm/v7_double_buffered.cu"
