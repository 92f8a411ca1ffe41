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

set(CPACK_PACKAGE_NAME websub)
set(CPACK_PACKAGE_VENDOR "The WebSub hub suite")
set(CPACK_PACKAGE_CONTACT "The WebSub hub suite's maintainers <websub@example.org>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "WebSub hub over Apache Kafka that loses no message")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL websub)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_GENERATOR TGZ DEB)
set(CPACK_ARCHIVE_COMPONENT_INSTALL ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS ca-certificates)
include(CPack)
