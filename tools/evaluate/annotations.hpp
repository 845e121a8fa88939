// What people say is on pictures, whatever the format that it was read from.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/image/image.hpp"
#include "tools/evaluate/mask_code.hpp"
#include "tools/evaluate/measure.hpp"

namespace backlight::tools {

/// An object in pixels of the stored picture, before EXIF turns it.
struct AnnotatedObject {
  std::string class_name;       ///< as the file has it: a name, a WordNet id, an index
  std::optional<Box> box = {};  ///< by its edges
  std::shared_ptr<const MaskCode> mask = {};
  std::filesystem::path mask_file = {};  ///< a picture that is not black on the object
  bool difficult = false, crowd = false;
};

struct AnnotatedPicture {
  std::string name;  ///< as the annotations have it
  std::filesystem::path file;
  std::vector<AnnotatedObject> objects = {};
  std::optional<std::pair<std::int64_t, std::int64_t>> size =
      {};                              ///< width and height as stored, where they are said
  std::filesystem::path ignored = {};  ///< a picture that is not black where nobody says what is there
};

/// Why a picture is left out.
struct DataProblem {
  std::string where, what;
};

struct DataSet {
  std::string format;
  std::vector<AnnotatedPicture> pictures = {};  ///< each once
  std::vector<DataProblem> problems = {};
  std::size_t without_objects =
      0;  ///< pictures left out that a format lists to say that nothing is on them (COCO)
};

/// What four numbers of a box mean, in pixels counted from 0: the first and the last pixel, edges, corner and size;
/// VOC's are the first and the last pixel counted from 1.
enum class BoxNumbers : std::uint8_t { inclusive, edges, xywh, voc };
/// "inclusive", "edges", "xywh", "voc". Throws Error(usage) for another name.
BoxNumbers parse_box_numbers(std::string_view name);
/// The box by its edges. Throws Error(bad_input) for one that is empty or not finite.
Box box_of(BoxNumbers meaning, double a, double b, double c, double d);

struct DataSetOptions {
  std::filesystem::path pictures = {};   ///< where the pictures are; empty: beside the annotations
  std::optional<BoxNumbers> boxes = {};  ///< in place of what the format says; a CSV says nothing
};

/// Reads annotations, told by what they look like:
///   folder of XML files       PASCAL VOC, boxes counted from 1; ILSVRC's where the names are WordNet ids, from 0
///   class_labels.txt, …       wsolevaluation's lists, in a folder, of boxes or of masks (OpenImages)
///   folder of JSON files      what `backlight scenes` writes
///   folder of folders         a class each, named by index, name or WordNet id
///   .json                     COCO
///   .csv                      ImageId,PredictionString (ILSVRC on Kaggle); file,class[,class name][,4 numbers]
///                             [,width,height]
///   .txt                      ILSVRC's ground truth, the development kit's number of each picture's class, of which
///                             map_clsloc.txt beside it says the WordNet id
/// Throws Error(bad_input) for what is none of them, cannot be read or says nothing at all, Error(usage) for a CSV with
/// boxes of which nobody says what they mean. What is wrong with one picture alone is its problem.
DataSet read_data_set(const std::filesystem::path& data, const DataSetOptions& options = {});

/// The objects on the picture that was read: with the class that `index_of` gives a name, turned with the picture. A
/// box that reaches less than a pixel beyond the picture is cut. Throws Error(bad_input) for another size than the
/// annotation's, and for boxes and masks that do not fit the picture. Files of masks are scaled to it, by the nearest
/// pixel, since OpenImages' are of other sizes.
std::vector<TrueObject> objects_on(const AnnotatedPicture& picture, const Image& image,
                                   const std::function<std::int64_t(std::string_view)>& index_of);
/// Of the picture that was read, the pixels of `ignored`, as objects_on takes a mask from its file; empty without one.
std::vector<std::uint8_t> ignored_on(const AnnotatedPicture& picture, const Image& image);

/// So many of them by seed, in the order in which they stood; all where `limit` is 0.
void choose_pictures(std::vector<AnnotatedPicture>& pictures, std::size_t limit, std::uint64_t seed);

}  // namespace backlight::tools
