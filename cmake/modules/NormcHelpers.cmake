# What every directory of the project builds with: libraries and tools that
# share Debian's libMLIR.so, and unit tests.

# Flags and include paths of everything that sees LLVM's headers. They are kept
# off the directories that build without LLVM (lib/Runtime, lib/Reference).
add_library(NormcLLVM INTERFACE)
target_include_directories(NormcLLVM SYSTEM INTERFACE
  ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
target_include_directories(NormcLLVM INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
  $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>
  $<INSTALL_INTERFACE:include>)
separate_arguments(NORMC_LLVM_DEFINITIONS NATIVE_COMMAND "${LLVM_DEFINITIONS}")
target_compile_options(NormcLLVM INTERFACE
  $<BUILD_INTERFACE:${NORMC_LLVM_DEFINITIONS}>
  $<BUILD_INTERFACE:$<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions>>
  $<BUILD_INTERFACE:-Wall> $<BUILD_INTERFACE:-Wextra>
  $<BUILD_INTERFACE:-Wno-unused-parameter>
  $<BUILD_INTERFACE:$<$<COMPILE_LANGUAGE:CXX>:-fvisibility-inlines-hidden>>)
target_link_libraries(NormcLLVM INTERFACE MLIR LLVM)
install(TARGETS NormcLLVM EXPORT NormcTargets)

# norm_add_library(<name> <sources...> [LINK <libs...>] [DEPENDS <targets...>])
# A static, position independent library; exported as Norm::<name>.
function(norm_add_library name)
  cmake_parse_arguments(ARG "" "" "LINK;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  add_library(Norm::${name} ALIAS ${name})
  target_link_libraries(${name} PUBLIC NormcLLVM ${ARG_LINK})
  add_dependencies(${name} norm-headers ${ARG_DEPENDS})
  if(NOT name STREQUAL "NormIR")
    target_precompile_headers(${name} REUSE_FROM NormIR)
  endif()
  install(TARGETS ${name} EXPORT NormcTargets
    ARCHIVE DESTINATION lib COMPONENT compiler)
endfunction()

# norm_add_tool(<name> <sources...> [LINK <libs...>])
function(norm_add_tool name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} NormcLLVM)
  install(TARGETS ${name} RUNTIME DESTINATION bin COMPONENT compiler)
endfunction()

# norm_add_unit_test(<name> <sources...> [LINK <libs...>])
# A GoogleTest binary in test/Unit of the build tree.
function(norm_add_unit_test name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_include_directories(${name} PRIVATE
    ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/test)
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gtest_main)
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/test/Unit)
  add_test(NAME ${name} COMMAND ${name})
endfunction()
