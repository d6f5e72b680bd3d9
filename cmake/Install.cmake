# The files that "cmake --install" lays out, of which debian/ makes packages.
include(GNUInstallDirs)

set(MEDIASYNC_MODULE_DIR lib/nginx/modules CACHE STRING "where NGINX looks for modules, below the prefix")
set(MEDIASYNC_LUA_DIR share/lua/5.1 CACHE STRING "where Lua looks for libraries, below the prefix")
set(MEDIASYNC_STATE_DIR /var/lib/mediasync CACHE PATH "the folder of state files and films")
set(MEDIASYNC_VENDOR_DIR ${PROJECT_SOURCE_DIR}/vendor CACHE PATH "what web/vendor.mjs has laid out; without it the watch page is not installed")
set(share ${CMAKE_INSTALL_DATADIR}/mediasync)

if(MEDIASYNC_BUILD_MODULE)
  install(TARGETS ngx_http_mediasync_module LIBRARY DESTINATION ${MEDIASYNC_MODULE_DIR})
endif()

install(FILES lua/resty/mediasync.lua DESTINATION ${MEDIASYNC_LUA_DIR}/resty)
install(FILES lua/examples/chat.lua DESTINATION ${share}/lua)

# The prefix may be given to the installation alone, and is in these files.
set(snippets ${CMAKE_BINARY_DIR}/snippets)
install(CODE "
  set(MEDIASYNC_STATE_DIR \"${MEDIASYNC_STATE_DIR}\")
  set(MEDIASYNC_SHARE_DIR \"\${CMAKE_INSTALL_PREFIX}/${share}\")
  foreach(snippet http watch chat)
    configure_file(\"${PROJECT_SOURCE_DIR}/nginx/\${snippet}.conf.in\" \"${snippets}/\${snippet}.conf\" @ONLY)
  endforeach()")
install(FILES ${snippets}/http.conf ${snippets}/watch.conf ${snippets}/chat.conf DESTINATION ${share}/nginx)

if(EXISTS ${MEDIASYNC_VENDOR_DIR}/www)
  install(DIRECTORY web/ DESTINATION ${share}/www FILES_MATCHING
          PATTERN *.js PATTERN *.d.ts PATTERN *.html PATTERN *.css PATTERN *.svg
          PATTERN node_modules EXCLUDE PATTERN vendor EXCLUDE PATTERN mediasync.min.js EXCLUDE
          PATTERN mediasync.global.js EXCLUDE)
  install(DIRECTORY ${MEDIASYNC_VENDOR_DIR}/www/ DESTINATION ${share}/www/vendor
          PATTERN mediasync.* EXCLUDE)
  install(FILES ${MEDIASYNC_VENDOR_DIR}/www/mediasync.min.js ${MEDIASYNC_VENDOR_DIR}/www/mediasync.global.js
          DESTINATION ${share}/www)
endif()

# Manual pages and HTML are made from docs/ by pandoc: cmake --build … --target mediasync_docs.
find_program(PANDOC pandoc)
if(PANDOC)
  set(pages ${CMAKE_BINARY_DIR}/docs)
  add_custom_target(mediasync_docs
    COMMAND ${PROJECT_SOURCE_DIR}/man/make-pages ${PROJECT_SOURCE_DIR} ${pages} ${PROJECT_VERSION}
    COMMENT "Making manual pages and HTML" VERBATIM)
  install(DIRECTORY ${pages}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR} OPTIONAL)
  install(DIRECTORY ${pages}/html/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/html OPTIONAL)
endif()
