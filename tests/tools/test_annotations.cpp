// Annotations in every format, and what they become on a picture.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>

#include "engine/image/write.hpp"
#include "support/contains.hpp"
#include "support/golden.hpp"
#include "support/random.hpp"
#include "support/temporary_folder.hpp"
#include "tools/evaluate/annotations.hpp"
#include "tools/evaluate/readers.hpp"

using namespace backlight;
using namespace backlight::tools;
using test::contains;

namespace {

namespace fs = std::filesystem;

/// A data set under construction.
class Data {
 public:
  fs::path operator/(const std::string& name) const { return folder_.path() / name; }
  void file(const std::string& name, const std::string& content) const {
    fs::create_directories((*this / name).parent_path());
    std::ofstream(*this / name, std::ios::binary) << content;
  }
  void picture(const std::string& name) const { file(name, "not looked into"); }

 private:
  test::TemporaryFolder folder_;
};

std::string voc(const std::string& name, const std::string& objects) {
  return "<annotation><filename>" + name + "</filename><size><height>375</height><width>500</width></size>" +
         objects + "</annotation>";
}

std::string voc_object(const std::string& name, const std::string& box, const std::string& more = "") {
  return "<object><bndbox>" + box + "</bndbox>" + more + "<name>" + name + "</name></object>";
}

const std::string kBox = "<ymin>20</ymin><xmin>10</xmin><xmax> 30 </xmax><ymax>40.5</ymax>";

/// The problem of a picture or file; empty without one.
std::string problem_of(const DataSet& set, const std::string& where) {
  const auto at = std::ranges::find(set.problems, where, &DataProblem::where);
  return at == set.problems.end() ? "" : at->what;
}

std::vector<std::string> names_of(const DataSet& set) {
  std::vector<std::string> names;
  for (const AnnotatedPicture& picture : set.pictures) names.push_back(picture.name);
  return names;
}

std::string error_of(const fs::path& data, const DataSetOptions& options = {}) {
  try {
    read_data_set(data, options);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE(
    "annotations: VOC's XML counts from 1, ILSVRC's from 0, and what is wrong with one file is its own") {
  const Data data;
  data.picture("JPEGImages/a.jpg");
  data.picture("JPEGImages/ILSVRC2012_val_00000001.JPEG");
  data.file("Annotations/a.xml",
            voc("a.jpg", voc_object("cat", kBox,
                                    "<difficult>1</difficult><part><name>head</name><bndbox><xmin>1</xmin>"
                                    "<ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part>") +
                             voc_object("dog", kBox)));
  data.file("Annotations/b.xml", voc("ILSVRC2012_val_00000001", voc_object("n02123045", kBox)));
  data.file("Annotations/c.xml", "<annotation><object>");
  data.file("Annotations/d.xml", voc("missing.jpg", voc_object("cat", kBox)));
  data.file("Annotations/e.xml", voc("a.jpg", voc_object("cat", kBox)));
  data.file("Annotations/f.xml", voc("f.jpg", ""));
  data.file("Annotations/g.xml",
            voc("g.jpg", voc_object("cat", "<xmin>9</xmin><ymin>1</ymin><xmax>3</xmax><ymax>2</ymax>")));
  data.file("Annotations/h.xml", voc("h.jpg", "<object><name>cat</name></object>"));
  data.file("Annotations/i.xml", voc("i.jpg", voc_object("cat", "<xmin>nine</xmin>")));
  const DataSet set = read_data_set(data / "");
  CHECK(set.format == "voc-xml");
  REQUIRE(names_of(set) == Names{"a.jpg", "ILSVRC2012_val_00000001"});
  const AnnotatedPicture& a = set.pictures[0];
  CHECK(a.file == data / "JPEGImages/a.jpg");
  CHECK(a.size == std::pair<std::int64_t, std::int64_t>(500, 375));
  REQUIRE(a.objects.size() == 2);
  CHECK(a.objects[0].class_name == "cat");
  CHECK(a.objects[0].difficult);
  CHECK_FALSE(a.objects[1].difficult);
  CHECK(a.objects[0].box == Box{9, 19, 30, 40.5});
  CHECK(set.pictures[1].objects[0].box == Box{10, 20, 31, 41.5});
  CHECK(set.pictures[1].file.filename() == "ILSVRC2012_val_00000001.JPEG");
  CHECK(contains(problem_of(set, "c.xml"), "is no XML"));
  CHECK(contains(problem_of(set, "missing.jpg"), "--pictures names the folder"));
  CHECK(contains(problem_of(set, "e.xml"), "another file is of"));
  CHECK(problem_of(set, "f.jpg") == "has no object");
  CHECK(contains(problem_of(set, "g.xml"), "9, 1, 3, 2 is empty"));
  CHECK(contains(problem_of(set, "h.xml"), "no <bndbox>"));
  CHECK(contains(problem_of(set, "i.xml"), "'nine' is no number"));
  CHECK(set.problems.size() == 7);
  // By option the numbers mean something else.
  CHECK(read_data_set(data / "Annotations", {data / "JPEGImages", BoxNumbers::edges})
            .pictures[0]
            .objects[0]
            .box == Box{10, 20, 30, 40.5});
}

TEST_CASE("annotations: CSV says what its numbers are by option alone") {
  const Data data;
  for (const char* name : {"p/a.png", "p/b, c.png"}) data.picture(name);
  data.file(
      "boxes.csv",
      "file,class,x0,y0,x1,y1,width,height\r\na.png,cat,1,2,3,4,30,20\na.png,\"dog, hound\",5,6,7,8,30,20\n"
      "\"b, c.png\",7,0,0,2,2,9,9\nwrong.png,cat,1,2,3\nhuge.png,cat,1,2,3,4,1e300,9\n");
  DataSetOptions options{data / "p"};
  CHECK(contains(error_of(data / "boxes.csv", options), "say with --boxes what x0,y0,x1,y1 are"));
  options.boxes = BoxNumbers::xywh;
  const DataSet set = read_data_set(data / "boxes.csv", options);
  REQUIRE(names_of(set) == Names{"a.png", "b, c.png"});
  CHECK(set.pictures[0].size == std::pair<std::int64_t, std::int64_t>(30, 20));
  REQUIRE(set.pictures[0].objects.size() == 2);
  CHECK(set.pictures[0].objects[0].box == Box{1, 2, 4, 6});
  CHECK(set.pictures[0].objects[1].class_name == "dog, hound");
  CHECK(problem_of(set, "wrong.png") == "5 fields, expected 8 (line 5 of boxes.csv)");
  CHECK(contains(problem_of(set, "huge.png"), "the size 1e+300×9 is none of a picture"));
  options.boxes = BoxNumbers::inclusive;
  CHECK(read_data_set(data / "boxes.csv", options).pictures[0].objects[0].box == Box{1, 2, 4, 5});

  data.file("classes.csv", "file,class\na.png,cat\n");
  const DataSet classes = read_data_set(data / "classes.csv", {data / "p"});
  REQUIRE(classes.pictures.size() == 1);
  CHECK_FALSE(classes.pictures[0].objects[0].box);

  data.file("solution.csv", "ImageId,PredictionString\na,n1 1 2 3 4 n2 5 6 7 8 \nb,n1 1 2\n");
  const DataSet solution = read_data_set(data / "solution.csv", {data / "p"});
  REQUIRE(solution.pictures.size() == 1);
  CHECK(solution.pictures[0].objects[1].class_name == "n2");
  CHECK(solution.pictures[0].objects[1].box == Box{5, 6, 8, 9});
  CHECK(contains(problem_of(solution, "b"), "3 words, expected five for each box"));

  // A name beside the index is for people, and no number of the box.
  data.file("named.csv",
            "file,class index,class name,xmin,ymin,xmax,ymax,width,height\na.png,415,bakery,1,2,3,4,30,20\n"
            "a.png,7,\"cock, rooster\",1,2,3,4,30,20\n");
  const DataSet named = read_data_set(data / "named.csv", options);
  REQUIRE(named.pictures.size() == 1);
  CHECK(named.pictures[0].objects[0].class_name == "415");
  CHECK(named.pictures[0].objects[1].class_name == "7");
  CHECK(named.pictures[0].objects[1].box == Box{1, 2, 4, 5});
  CHECK(named.pictures[0].size == std::pair<std::int64_t, std::int64_t>(30, 20));
  CHECK(
      contains(error_of(data / "named.csv", {data / "p"}), "say with --boxes what xmin,ymin,xmax,ymax are"));
  data.file("named.csv", "file,class,class name\na.png,n02,bakery\n");
  CHECK(read_data_set(data / "named.csv", {data / "p"}).pictures.at(0).objects.at(0).class_name == "n02");

  data.file("odd.csv", "name,label\n");
  CHECK(contains(error_of(data / "odd.csv"), "the first line is 'name,label'"));
  data.file("empty.csv", "");
  CHECK(contains(error_of(data / "empty.csv"), "the first line is ''"));
  data.file("nothing.csv", "file,class\n");
  CHECK(contains(error_of(data / "nothing.csv"), "annotates no picture"));
  CHECK(contains(error_of(data / "absent.csv"), "cannot be read"));
  CHECK(contains(error_of(data / "boxes.xlsx"), "expected a folder of annotations"));
}

TEST_CASE("annotations: COCO's JSON, with gaps in its categories, crowds, masks, and pictures of nothing") {
  const Data data;
  for (const char* name : {"a.jpg", "b.jpg", "c.jpg"}) data.picture(name);
  const auto image = [](int id, const std::string& name) {
    return R"({"id": )" + std::to_string(id) + R"(, "file_name": ")" + name +
           R"(", "width": 24, "height": 17})";
  };
  const auto annotation = [](int picture, const std::string& rest) {
    return R"({"image_id": )" + std::to_string(picture) +
           R"(, "category_id": 90, "bbox": [1.5, 2, 3, 4.25])" + rest + "}";
  };
  const auto file = [&](const std::string& images, const std::string& annotations) {
    data.file("coco.json", R"({"categories": [{"id": 90, "name": "toothbrush"}], "images": [)" + images +
                               R"(], "annotations": [)" + annotations + "]}");
    return read_data_set(data / "coco.json");
  };
  const DataSet set = file(
      image(7, "a.jpg") + "," + image(8, "b.jpg") + "," + image(9, "c.jpg"),
      annotation(7, R"(, "segmentation": [[1, 1, 5, 1, 5, 5]])") + "," +
          annotation(7, R"(, "iscrowd": 1, "segmentation": {"size": [17, 24], "counts": [10, 20, 378]})") +
          "," + annotation(8, R"(, "category_id": 3)") + "," + annotation(99, ""));
  REQUIRE(names_of(set) == Names{"a.jpg"});
  const std::vector<AnnotatedObject>& objects = set.pictures[0].objects;
  REQUIRE(objects.size() == 2);
  CHECK(objects[0].class_name == "toothbrush");
  CHECK(objects[0].box == Box{1.5, 2, 4.5, 6.25});
  CHECK_FALSE(objects[0].crowd);
  CHECK(objects[1].crowd);
  CHECK(objects[0].mask->polygons.front().size() == 6);
  CHECK(objects[1].mask->runs == std::vector<std::int64_t>{10, 20, 378});
  CHECK(problem_of(set, "b.jpg") == "the category 3 is not listed");
  CHECK(problem_of(set, "picture 99") == "is annotated, but not listed");
  CHECK(set.problems.size() == 2);
  CHECK(set.without_objects == 1);  // c.jpg
  CHECK(problem_of(file(image(1, "a.jpg") + "," + image(2, "a.jpg"), annotation(1, "")), "a.jpg") ==
        "is listed twice");
  // What is wrong with an entry is that entry's.
  const DataSet some =
      file(image(1, "a.jpg") + "," + image(2, "b.jpg") + "," + image(2, "c.jpg") + R"(, {"id": 3, "file_name":
          "d.jpg", "height": 17}, {"id": 4, "file_name": "e.jpg", "width": 24.5, "height": 17}, {"id": 5})",
           annotation(1, "") + "," + annotation(2, "") + R"(, {"image_id": "a"})");
  REQUIRE(names_of(some) == Names{"a.jpg"});
  for (const char* name : {"b.jpg", "c.jpg"})
    CHECK(problem_of(some, name) == "has the id 2, which another picture has");
  CHECK(contains(problem_of(some, "d.jpg"), "'width' not found"));
  CHECK(problem_of(some, "e.jpg") == "the size 24.5×17 is none of a picture");
  CHECK(contains(problem_of(some, "a picture without a name"), "'file_name' not found"));
  CHECK(contains(problem_of(some, "an annotation"), "must be number"));
  CHECK(some.problems.size() == 6);
  CHECK(some.without_objects == 0);
  data.file("coco.json", "{");
  CHECK(contains(error_of(data / "coco.json"), "coco.json: is not as expected"));
  data.file("coco.json", R"({"images": []})");
  CHECK(contains(error_of(data / "coco.json"), "categories"));
}

TEST_CASE("annotations: wsolevaluation's lists, ILSVRC's ground truth by WordNet id, scenes, folders") {
  const Data data;
  for (const char* name : {"w/val/a.jpg", "w/val/b.jpg", "g/ILSVRC2012_val_00000001.JPEG",
                           "g/ILSVRC2012_val_00000003.JPEG", "g/ILSVRC2012_val_00000004.JPEG", "s/x.png"})
    data.picture(name);
  data.file("w/class_labels.txt", "val/a.jpg,281\nval/b.jpg,7\nval/b.jpg,8\n");
  data.file("w/image_sizes.txt", "val/a.jpg,500,375\n");
  data.file("w/localization.txt", "val/a.jpg,0,1,9,10\nval/a.jpg,20,20,29,29\nval/z.jpg,1,1,2,2\n");
  const DataSet lists = read_data_set(data / "w");
  REQUIRE(names_of(lists) == Names{"val/a.jpg"});
  CHECK(lists.pictures[0].objects[0].box == Box{0, 1, 10, 11});
  CHECK(lists.pictures[0].objects[1].box == Box{20, 20, 30, 30});
  CHECK(lists.pictures[0].objects[1].class_name == "281");
  CHECK(lists.pictures[0].size->first == 500);
  CHECK(contains(problem_of(lists, "val/b.jpg"), "is listed twice (line 3 of class_labels.txt)"));
  CHECK(contains(problem_of(lists, "val/z.jpg"), "is not in class_labels.txt"));

  const fs::path truth = data / "g/ILSVRC2012_validation_ground_truth.txt";
  data.file("g/ILSVRC2012_validation_ground_truth.txt", "490\n361\n490\n7\n");
  CHECK(contains(error_of(truth), "map_clsloc.txt says the WordNet ids"));
  data.file("g/map_clsloc.txt", "n02119789 490 kit_fox\nn02100735 361 English_setter\n");
  data.file("g/ILSVRC2015_clsloc_validation_blacklist.txt", "2\n");
  const DataSet numbers = read_data_set(truth);
  REQUIRE(names_of(numbers) == Names{"ILSVRC2012_val_00000001", "ILSVRC2012_val_00000003"});
  CHECK(numbers.pictures[0].objects[0].class_name == "n02119789");
  CHECK(contains(problem_of(numbers, "ILSVRC2012_val_00000004"), "the class 7 is not in"));

  data.file("s/x.json", R"({"schema": "backlight.scene", "size": 96, "objects": [
      {"class": {"index": 2, "name": "ring"}, "box": {"x0": 1, "y0": 2, "x1": 30, "y1": 40}}]})");
  data.file("s/y.json", R"({"schema": "else"})");
  const DataSet scenes = read_data_set(data / "s");
  REQUIRE(names_of(scenes) == Names{"x"});
  CHECK(scenes.pictures[0].objects[0].class_name == "ring");
  CHECK(scenes.pictures[0].objects[0].box == Box{1, 2, 30, 40});
  CHECK(problem_of(scenes, "y.json") == "is of no drawn scene");

  for (const char* name : {"f/n02119789/p.png", "f/tabby/deep/q.png", "f/r.png"}) {
    fs::create_directories((data / name).parent_path());
    write_png((data / name).string(), Image(2, 2));
  }
  const DataSet folders = read_data_set(data / "f");
  REQUIRE(names_of(folders) == Names{"n02119789/p.png", "tabby/deep/q.png"});
  CHECK(folders.pictures[1].objects[0].class_name == "tabby");
  CHECK(problem_of(folders, "r.png") == "lies in no folder that names its class");
  fs::create_directory(data / "none");
  CHECK(contains(error_of(data / "none"), "holds no annotations"));
}

TEST_CASE(
    "annotations: wsolevaluation's masks are files, each scaled to its picture, one of them to be ignored") {
  const Data data;
  for (const char* name : {"a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"}) data.picture(name);
  const auto mask = [&](const char* name, int x, int y) {
    Image image(6, 4, 0);
    image.at(x, y)[1] = 255;
    write_png((data / name).string(), image);
  };
  mask("a1.png", 0, 1);
  mask("a2.png", 5, 3);
  mask("ignored.png", 3, 0);
  data.file("class_labels.txt", "a.jpg,7\nb.jpg,7\nc.jpg,7\nd.jpg,7\ne.jpg,7\n");
  data.file("localization.txt",
            "a.jpg,a1.png,ignored.png\na.jpg,a2.png,\nb.jpg,,\nc.jpg,lost.png,\nd.jpg,a1.png,ignored.png\n"
            "d.jpg,a2.png,ignored.png\ne.jpg,a1.png\n");
  const DataSet set = read_data_set(data / "");
  REQUIRE(names_of(set) == Names{"a.jpg"});
  CHECK(contains(problem_of(set, "b.jpg"), "no mask (line 3 of localization.txt)"));
  CHECK(contains(problem_of(set, "c.jpg"), "the mask lost.png is not in"));
  CHECK(contains(problem_of(set, "d.jpg"), "a second mask of what to ignore (line 6"));
  CHECK(contains(problem_of(set, "e.jpg"), "2 fields, expected a box's 5 or a mask's 3 (line 7"));
  CHECK(set.problems.size() == 4);
  // As tall as wide: turned by EXIF, the stored picture's right end becomes the lower one.
  Image image(8, 8);
  image.provenance.exif_orientation = 6;
  image.provenance.orientation_applied = true;
  const auto index_of = [](std::string_view name) { return std::int64_t(name.size()); };
  const std::vector<TrueObject> objects = objects_on(set.pictures[0], image, index_of);
  REQUIRE(objects.size() == 2);
  // Of 8 pixels those 0, 1; 2, 3 … and 0, 1; 2; 3; 4, 5; 6; 7 lie in the mask's 4 and 6.
  const auto box_of_mask = [](const std::vector<std::uint8_t>& pixels) {
    Box box{9, 9, 0, 0};
    int count = 0;
    for (int i = 0; i < 64; ++i)
      if (pixels[i] != 0) {
        ++count;
        box = {std::min(box.x0, i % 8 + 0.0), std::min(box.y0, i / 8 + 0.0), std::max(box.x1, i % 8 + 1.0),
               std::max(box.y1, i / 8 + 1.0)};
      }
    CHECK(count == (box.x1 - box.x0) * (box.y1 - box.y0));
    return box;
  };
  CHECK(box_of_mask(objects[0].mask) == Box{4, 0, 6, 2});
  CHECK(box_of_mask(objects[1].mask) == Box{0, 7, 2, 8});
  CHECK(box_of_mask(ignored_on(set.pictures[0], image)) == Box{6, 4, 8, 6});
  CHECK(ignored_on({"a", "a.png"}, image).empty());
  data.file("a2.png", "no picture");
  CHECK_THROWS_WITH_AS(objects_on(set.pictures[0], image, index_of), doctest::Contains("a2.png"), Error);
}

TEST_CASE("annotations: masks as pycocotools decodes them") {
  const std::int64_t width = 24, height = 17;
  const auto agree = [&](const MaskCode& mask, const char* name) {
    CAPTURE(name);
    const Tensor expected = test::golden("masks", name);
    const std::vector<std::uint8_t> pixels = mask.pixels(width, height);
    REQUIRE(static_cast<std::int64_t>(pixels.size()) == expected.numel());
    CHECK(std::ranges::equal(pixels, expected.values(), [](std::uint8_t a, float b) { return a == b; }));
  };
  const auto polygon = [&](const char* name, std::int64_t corners) {
    const Tensor points = test::random_tensor({corners, 2}, std::string("masks.") + name, 0, 1);
    std::vector<double> numbers;
    for (std::int64_t i = 0; i < 2 * corners; ++i)
      numbers.push_back(points.values()[i] * static_cast<float>(i % 2 == 0 ? width : height));
    return numbers;
  };
  agree({{polygon("triangle", 3)}}, "triangle");
  agree({{polygon("star", 9)}}, "star");
  agree({{{2, 3, 2, 9, 8, 9, 8, 3}, {0.5, 0.5, 23.5, 0.5, 23.5, 16.5, 0.5, 16.5}}}, "joined");
  agree({{}, runs_of("j01a01N2O1NO2NH3NL33NM23LO40MNM150N0NO48LH338O1O100OT3")}, "star");

  const auto refused = [&](const MaskCode& mask) {
    try {
      mask.pixels(width, height);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(contains(refused({{{1, 1, 2, 2}}}), "expected x and y of three corners"));
  CHECK(contains(refused({{{1, 1, 1e9, 2, 3, 3}}}), "a corner at 1e+09"));
  CHECK(contains(refused({{}, {400, 9}}), "does not fit"));
  CHECK(contains(refused({{}, {400, -1, 9}}), "does not fit"));
  CHECK(contains(refused({{}, {400}}), "has 400 pixels"));
  for (const char* wrong : {"j", "~", "0oooooooooooo"}) CHECK_THROWS_AS(runs_of(wrong), Error);
}

TEST_CASE("annotations: boxes and masks turn with the picture, and must fit it") {
  const auto index_of = [](std::string_view name) { return std::int64_t(name.size()); };
  const int width = 9, height = 6;
  for (int orientation = 1; orientation <= 8; ++orientation) {
    CAPTURE(orientation);
    Image stored(width, height);
    AnnotatedPicture annotated{
        "a", "a.png", {{"cat", Box{2, 1, 6, 3}}}, std::pair<std::int64_t, std::int64_t>(width, height)};
    MaskCode mask{{}, {0}};
    std::vector<std::uint8_t> on(width * height);
    for (int x = 2; x < 6; ++x)  // in the middle of neither side, so that every mirror shows
      for (int y = 1; y < 3; ++y) stored.at(x, y)[0] = on[x * height + y] = 1;
    for (std::size_t i = 0; i < on.size(); ++i)
      if (on[i] != (mask.runs.size() % 2 == 0))
        mask.runs.push_back(1);
      else
        ++mask.runs.back();
    annotated.objects[0].mask = std::make_shared<MaskCode>(mask);
    Image upright = apply_orientation(stored, orientation);
    upright.provenance.exif_orientation = orientation;
    upright.provenance.orientation_applied = true;
    const std::vector<TrueObject> objects = objects_on(annotated, upright, index_of);
    REQUIRE(objects.size() == 1);
    CHECK(objects[0].index == 3);
    Box around{99, 99, 0, 0};
    for (int y = 0; y < upright.height; ++y)
      for (int x = 0; x < upright.width; ++x) {
        CHECK(objects[0].mask[static_cast<std::size_t>(y * upright.width + x)] == upright.at(x, y)[0]);
        if (upright.at(x, y)[0] == 0) continue;
        around = {std::min(around.x0, double(x)), std::min(around.y0, double(y)),
                  std::max(around.x1, x + 1.0), std::max(around.y1, y + 1.0)};
      }
    CHECK(objects[0].box == around);
    // Where EXIF is ignored the pixels are as they were stored.
    stored.provenance.exif_orientation = orientation;
    CHECK(objects_on(annotated, stored, index_of)[0].box == Box{2, 1, 6, 3});
  }

  const auto refused = [&](const AnnotatedPicture& annotated) {
    try {
      objects_on(annotated, Image(width, height), index_of);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(contains(refused({"a", "", {{"cat"}}, std::pair<std::int64_t, std::int64_t>(6, 9)}),
                 "the picture is 9×6, its annotation is of one of 6×9"));
  CHECK(contains(refused({"a", "", {{"cat", Box{1, 1, 10.5, 3}}}}), "reaches out of the picture"));
  CHECK(objects_on({"a", "", {{"cat", Box{-0.5, 1, 9.9, 3}}}}, Image(width, height), index_of)[0].box ==
        Box{0, 1, 9, 3});
}
