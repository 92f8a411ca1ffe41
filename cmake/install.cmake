# What a package, an archive (cpack) or an image holds.
include(GNUInstallDirs)
install(TARGETS websub-hub websub-consolidator websub-dispatcher websub websub-devbroker websub_client
        RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT websub
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT websub)
install(FILES client/websub.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/websub COMPONENT websub)
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT websub FILES_MATCHING PATTERN "*.md")
install(FILES README.md CHANGELOG.md SECURITY.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT websub)
install(FILES deploy/systemd/websub-hub.service deploy/systemd/websub-consolidator.service
              deploy/systemd/websub-dispatcher.service
        DESTINATION lib/systemd/system COMPONENT websub)
install(FILES deploy/systemd/websub.sysusers DESTINATION lib/sysusers.d RENAME websub.conf COMPONENT websub)
install(FILES deploy/systemd/websub.conf DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples COMPONENT websub)
install(FILES deploy/debian/copyright DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT websub)

set(CPACK_PACKAGE_NAME websub)
set(CPACK_PACKAGE_VENDOR "The WebSub hub suite")
set(CPACK_PACKAGE_CONTACT "The WebSub hub suite's maintainers <websub@example.org>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "hub of WebSub over Apache Kafka that loses no message")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_FILE_NAME websub-${PROJECT_VERSION}-linux-${CMAKE_SYSTEM_PROCESSOR})
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_GENERATOR TGZ DEB)
set(CPACK_PROJECT_CONFIG_FILE ${PROJECT_SOURCE_DIR}/cmake/package.cmake)
set(CPACK_ARCHIVE_COMPONENT_INSTALL ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"A publisher sends a message to the hub once, over HTTP. The hub delivers it to
every subscriber of the topic, byte for byte, signed and in order, and keeps at
it until each has confirmed. What it has answered with success survives the
crash of any of its processes: Kafka has it.
.
The package has the three programs with units for systemd, the command websub
for publishers, subscribers and operators, and libwebsub for applications.")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "procps, systemd | systemd-standalone-sysusers | systemd-sysusers")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS ca-certificates)
foreach(file postinst prerm postrm conffiles)
  list(APPEND CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${PROJECT_SOURCE_DIR}/deploy/debian/${file})
endforeach()
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

# What only the Debian package has, outside of any prefix.
string(TIMESTAMP WEBSUB_DATE "%a, %d %b %Y %H:%M:%S +0000" UTC)
configure_file(deploy/debian/changelog.in ${PROJECT_BINARY_DIR}/debian/changelog @ONLY)
find_program(GZIP gzip REQUIRED)
execute_process(COMMAND ${GZIP} -9nf ${PROJECT_BINARY_DIR}/debian/changelog COMMAND_ERROR_IS_FATAL ANY)
install(FILES ${PROJECT_BINARY_DIR}/debian/changelog.gz DESTINATION /usr/share/doc/websub
        COMPONENT debian EXCLUDE_FROM_ALL)
install(FILES deploy/systemd/websub.conf DESTINATION /etc/websub COMPONENT debian EXCLUDE_FROM_ALL)
include(CPack)
