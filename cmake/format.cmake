# `format` rewrites the sources in the project's style, `format-check` fails when that would change one.
find_program(CLANG_FORMAT NAMES clang-format)
if(CLANG_FORMAT)
  file(GLOB_RECURSE WEBSUB_SOURCES CONFIGURE_DEPENDS
       common/*.[ch] hub/*.[ch] consolidator/*.[ch] dispatcher/*.[ch] client/*.[ch]
       deploy/*.[ch] tests/*.[ch])
  add_custom_target(format COMMAND ${CLANG_FORMAT} -i ${WEBSUB_SOURCES} VERBATIM)
  add_custom_target(format-check COMMAND ${CLANG_FORMAT} --dry-run --Werror ${WEBSUB_SOURCES} VERBATIM)
endif()
