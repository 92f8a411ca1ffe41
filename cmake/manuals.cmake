# Manual pages, made from what the programs say of themselves. Not with sanitizers, nor for another machine.
if(WEBSUB_SANITIZE OR WEBSUB_FUZZ OR CMAKE_CROSSCOMPILING)
  return()
endif()
include(GNUInstallDirs)
foreach(program websub-hub websub-consolidator websub-dispatcher websub websub-devbroker)
  set(manual ${PROJECT_BINARY_DIR}/manuals/${program}.1)
  add_custom_command(OUTPUT ${manual}.gz
    COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/manuals
    COMMAND ${PROJECT_SOURCE_DIR}/deploy/make-manual $<TARGET_FILE:${program}> ${PROJECT_VERSION} ${manual}
    COMMAND gzip -9nf ${manual}
    DEPENDS ${program} deploy/make-manual
    VERBATIM)
  list(APPEND manuals ${manual}.gz)
endforeach()
add_custom_target(manuals ALL DEPENDS ${manuals})
install(FILES ${manuals} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT websub)
