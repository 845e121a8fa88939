// Alpha, from files to the fourth channel of a network's input.
#include <doctest/doctest.h>

#include "engine/image/resize.hpp"
#include "image/files.hpp"
#include "image/pictures.hpp"
#include "kernels/preprocess/preprocess.hpp"
#include "kernels/saliency/saliency.hpp"
#include "support/skip.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

Image kept(const std::string& name) {
  return read_image(kGoldenPictures + name, ExifOrientation::apply, Alpha::keep);
}

/// Red, green, blue and alpha of every pixel, row by row.
std::vector<float> rgba_of(const Image& image) {
  std::vector<float> values;
  for (std::size_t i = 0; 3 * i < image.rgb.size(); ++i) {
    values.insert(values.end(), &image.rgb[3 * i], &image.rgb[3 * i] + 3);
    values.push_back(image.alpha.empty() ? 255 : image.alpha[i]);
  }
  return values;
}

/// Noise in all four.
Image rgba_picture(const std::string& name, int width, int height) {
  const Tensor noise = random_tensor({height, width, 4}, name, 0, 256);
  Image image(width, height);
  image.alpha.resize(image.rgb.size() / 3);
  for (std::size_t i = 0; i < image.alpha.size(); ++i) {
    for (std::size_t c = 0; c < 3; ++c)
      image.rgb[3 * i + c] = static_cast<std::uint8_t>(noise.values()[4 * i + c]);
    image.alpha[i] = static_cast<std::uint8_t>(noise.values()[4 * i + 3]);
  }
  return image;
}

/// A file's colours and alpha are Pillow's convert("RGBA"), and the colours those that are read without alpha.
void check_file(const std::string& name) {
  CAPTURE(name);
  const Image image = kept(name);
  CHECK(std::ranges::equal(rgba_of(image), golden("alpha", "file." + name).values()));
  CHECK_FALSE(image.provenance.alpha_dropped);
  for (const std::string& note : image.provenance.notes) CHECK_FALSE(contains(note, "transparen"));
  CHECK(read_image(kGoldenPictures + name).alpha.empty());
}

}  // namespace

TEST_CASE("alpha: of PNG, BMP and GIF it equals Pillow bit for bit") {
  for (const char* name :
       {"rgba.png", "rgba16.png", "grey_alpha.png", "palette_transparent.png", "turned_rgba.png", "rgb16.png",
        "palette.gif", "transparent.gif", "part.gif", "part_transparent.gif"}) {
    check_file(name);
    CHECK(kept(name).rgb == read_image(kGoldenPictures + name).rgb);
  }
  // Pillow writes a BMP's alpha, but does not read it.
  CHECK(kept("rgba.bmp").alpha == kept("rgba.png").alpha);
}

TEST_CASE("alpha: of WebP and TIFF it equals Pillow bit for bit, and colours are not blended by it") {
  for (const auto& [format, names] :
       {std::pair{"libwebp", std::vector{"lossless.webp", "alpha.webp", "part.webp", "part_rgba.webp"}},
        {"libtiff", {"rgb.tif", "rgba.tif"}}}) {
    try {
      read_image(kGoldenPictures + names.front());
    } catch (const Error&) {
      skip(text("this build has no ", format));
      continue;
    }
    for (const char* name : names) check_file(name);
  }
}

TEST_CASE("alpha: there is none where every pixel is opaque or where nobody asked") {
  for (const char* name : {"rgb16.png", "plain.jpg", "grey.gif", "rgb.bmp"}) CHECK(kept(name).alpha.empty());
  const Provenance dropped = read_image(kGoldenPictures + "rgba.png").provenance;
  CHECK(dropped.alpha_dropped);
  CHECK(contains(dropped.notes.at(0), "transparency is dropped"));
}

TEST_CASE("alpha: it is resized and cropped as Pillow does each channel by itself, and padded with zeros") {
  for (const auto& [width, height, size, resize] :
       {std::array{30, 20, 11, 13}, {19, 64, 9, 9}, {90, 31, 12, 17}, {40, 33, 14, 7}, {1, 7, 5, 6}}) {
    CAPTURE(width);
    const std::string name = text(width, "x", height);
    const Image image = rgba_picture("alpha." + name, width, height);
    const Preprocessing how = with_channels(Preprocessing::torchvision(size, resize), 4);
    const Fitted fitted = preprocess(image, how);
    CHECK(std::ranges::equal(rgba_of(fitted.seen), golden("alpha", "crop." + name).values()));

    CHECK(fitted.x.shape() == Shape{1, 4, size, size});
    const auto pixels = static_cast<std::size_t>(size * size);
    for (std::size_t i = 0; i < pixels; ++i) {
      CHECK(fitted.x.values()[pixels + i] ==
            (static_cast<float>(fitted.seen.rgb[3 * i + 1]) / 255 - 0.456f) / 0.224f);
      CHECK(fitted.x.values()[3 * pixels + i] == static_cast<float>(fitted.seen.alpha[i]) / 255);
    }
  }
}

TEST_CASE("alpha: a network of three channels sees of a picture with alpha what it sees without") {
  Image image = rgba_picture("alpha.three", 23, 31);
  const Tensor with = preprocess(image, Preprocessing::torchvision(17, 20)).x;
  image.alpha.clear();
  CHECK(std::ranges::equal(with.values(), preprocess(image, Preprocessing::torchvision(17, 20)).x.values()));
}

TEST_CASE("alpha: a picture without it is opaque, but for what is padded") {
  for (Preprocessing how : {Preprocessing::torchvision(5, 3), Preprocessing::caffe(5, 3),
                            Preprocessing::efficientnet_lite(5, 3)}) {
    how = with_channels(how, 4);
    const Tensor x = preprocess(Image(4, 4, 90), how).x;
    const auto alpha = x.values().subspan(75);
    for (std::size_t i = 0; i < 25; ++i) {
      const bool seen = i / 5 > 0 && i / 5 < 4 && i % 5 > 0 && i % 5 < 4;
      CHECK(alpha[i] == (seen ? 1 : 0));
    }
    how.mean[3] = 0.5f;
    how.std[3] = 2;
    CHECK(normalise(Image(1, 1), how).values()[3] == (255 / how.divisor - 0.5f) / 2);
  }
}

TEST_CASE("alpha: a network that takes it is refused a picture whose alpha was dropped") {
  CHECK_THROWS_WITH_AS(preprocess(read_image(kGoldenPictures + "rgba.png"), with_channels({}, 4)),
                       doctest::Contains("read it with Alpha::keep"), Error);
}

TEST_CASE("alpha: its bytes must be as many as pixels") {
  Image image(4, 3);
  image.alpha.resize(11);
  CHECK_THROWS_WITH_AS(preprocess(image, {}), doctest::Contains("11 bytes of alpha, expected none or 12"),
                       Error);
  CHECK_THROWS_AS(resize(image, 2, 2), Error);
}

TEST_CASE("alpha: pictures of a gradient are those of its colours, which are turned round without it") {
  const Tensor four = random_tensor({4, 7, 5}, "alpha.gradient");
  Tensor three({3, 7, 5});
  std::ranges::copy(four.values().first(105), three.values().begin());
  CHECK(saliency_deprocess(four).rgb == saliency_deprocess(three).rgb);
  CHECK(saliency_min_max(four).rgb == saliency_min_max(three).rgb);
  CHECK(saliency_captum(four).rgb == saliency_captum(three).rgb);
  const Tensor turned = to_rgb_order(four.clone(), with_channels(Preprocessing::caffe(), 4));
  CHECK(turned.values()[0] == four.values()[70]);
  CHECK(turned.values()[105] == four.values()[105]);
}
