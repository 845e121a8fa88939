// The versions are compiled as one unit, which saves reading the headers once a version.
#include "kernels/study/guided_relu/v1_one_stretch_per_thread.cu"
#include "kernels/study/guided_relu/v2_one_element_per_thread.cu"
#include "kernels/study/guided_relu/v3_no_branch.cu"
#include "kernels/study/guided_relu/v4_four_loads_in_flight.cu"
#include "kernels/study/guided_relu/v5_sixteen_byte_accesses.cu"
#include "kernels/study/guided_relu/v6_four_vectors_per_thread.cu"
