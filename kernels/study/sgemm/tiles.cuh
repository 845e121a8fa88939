// How C is divided among blocks: tiles in one dimension of the grid, which may be large; those of one row of
// tiles follow each other, so that blocks that run together read the same rows of A.
#pragma once

#include "kernels/study/common.cuh"
#include "kernels/study/sgemm/ladder.hpp"

namespace backlight::study::sgemm {

struct Grid {
  std::int64_t across;
  unsigned blocks;
};

inline Grid tiles_of(const Params& p, std::int64_t tile_rows, std::int64_t tile_columns) {
  const std::int64_t across = (p.n + tile_columns - 1) / tile_columns;
  const std::int64_t down = (p.m + tile_rows - 1) / tile_rows;
  return {across, blocks_for(across * down, 1)};
}

}  // namespace backlight::study::sgemm
