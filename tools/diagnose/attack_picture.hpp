// One picture attacked, and its files.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tools/backlight/inputs.hpp"
#include "tools/backlight/panel.hpp"
#include "tools/backlight/pictures.hpp"
#include "tools/diagnose/attacker.hpp"

namespace backlight::tools {

/// What a run asks of every picture.
struct AttackRequest {
  std::int64_t towards = 0;
  std::vector<std::int64_t> classes = {};  ///< whose maps are compared; empty: the best before the attack
  Fit fit = Fit::crop;
  ExifOrientation exif = ExifOrientation::apply;
  std::filesystem::path folder = {};
  std::string choices = {};  ///< what was chosen by option, in names of results: "_stretch_epsilon4"
  bool force = false;
};

/// The figure: a row per version with its picture, the difference, and Grad-CAM of each of the classes.
Panel attack_panel(const Attacker& attacker, const AttackedPicture& picture,
                   const std::array<Answer, kVersions.size()>& answers,
                   const std::vector<std::int64_t>& classes, std::int64_t towards);

class PictureAttack {
 public:
  /// `header` is the document that results belong to; `inputs` are never written to. All must outlive it.
  PictureAttack(Attacker& attacker, Context& context, AttackRequest request, Json header,
                const Inputs& inputs);

  /// Throws Error(usage) for results that are there already, without --force, or are among the inputs.
  void check_outputs(const std::vector<PictureSource>& pictures) const;
  /// Attacks it, writes its files, and gives its record, an entry of `images`.
  Json attack(const PictureSource& source, Console& console);

 private:
  struct Files {
    std::filesystem::path input, attacked, random, difference, panel, json;
    std::vector<std::pair<const char*, std::filesystem::path>> named() const;
  };
  Files files_of(const PictureSource& source) const;
  void write_files(const PictureSource& source, const AttackedPicture& picture, const Panel& panel,
                   Json& record) const;

  Attacker& attacker_;
  Context& context_;
  AttackRequest request_;
  Json header_;
  const Inputs& inputs_;
  std::vector<std::string> class_names_;
};

}  // namespace backlight::tools
