# Headers, the libraries for C++ and for C, the data that ships, and the packages that find_package(backlight) and pkg-config
# find.
include(CMakePackageConfigHelpers)

set(BACKLIGHT_INSTALL_DATA_DIR ${CMAKE_INSTALL_DATADIR}/backlight)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/backlight)

install(TARGETS backlight backlight_c EXPORT backlightTargets PUBLIC_HEADER DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY engine kernels models weights DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/backlight
        FILES_MATCHING PATTERN "*.hpp" PATTERN "*.def" PATTERN "cuda" EXCLUDE PATTERN "launch.hpp" EXCLUDE
        PATTERN "naive.hpp" EXCLUDE)
install(FILES engine/runtime/cuda/devices.hpp DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/backlight/engine/runtime/cuda)
install(EXPORT backlightTargets NAMESPACE backlight:: DESTINATION ${package_dir})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/backlightConfig.cmake.in
                              ${CMAKE_CURRENT_BINARY_DIR}/backlightConfig.cmake
                              INSTALL_DESTINATION ${package_dir} PATH_VARS BACKLIGHT_INSTALL_DATA_DIR)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/backlightConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/backlightConfig.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/backlightConfigVersion.cmake
              ${CMAKE_CURRENT_LIST_DIR}/FindWebP.cmake DESTINATION ${package_dir})
# From where it lies, so that the prefix may change.
set(pkgconfig_dir ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH headers_from_pkgconfig ${pkgconfig_dir} ${CMAKE_INSTALL_FULL_INCLUDEDIR})
configure_file(${CMAKE_CURRENT_LIST_DIR}/backlight.pc.in ${CMAKE_CURRENT_BINARY_DIR}/backlight.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/backlight.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(DIRECTORY weights/ DESTINATION ${BACKLIGHT_INSTALL_DATA_DIR} FILES_MATCHING PATTERN "*.safetensors")
