# Which NGINX the module is for. All that is known of it comes from a build of it that has been configured: the folder
# with its sources or headers, and that with what its ./configure made (objs).

# The oldest that has what we use, as nginx_version in src/core/nginx.h.
set(MEDIASYNC_NGINX_OLDEST 1022000)

# nginx_check_version(SOURCE) ends with an error when that NGINX is too old.
function(nginx_check_version source)
  set(header ${source}/src/core/nginx.h)
  if(NOT EXISTS ${header})
    message(FATAL_ERROR "No NGINX in ${source}: install the package nginx-dev, or set NGX_SOURCE to NGINX's sources")
  endif()
  file(STRINGS ${header} line REGEX "^#define nginx_version +[0-9]+")
  string(REGEX MATCH "[0-9]+$" version "${line}")
  if(version LESS MEDIASYNC_NGINX_OLDEST)
    file(STRINGS ${header} name REGEX "^#define NGINX_VERSION ")
    string(REGEX MATCH "[0-9.]+" name "${name}")
    message(FATAL_ERROR "NGINX ${name} in ${source} is too old: mediasync needs 1.22.0 or later")
  endif()
endfunction()

# nginx_configure(SOURCE OBJS) configures headers that bring the options of the installed NGINX, as nginx-dev does.
function(nginx_configure source objs)
  if(NOT EXISTS ${source}/conf_flags)
    message(FATAL_ERROR "The NGINX in ${source} has not been configured: run its ./configure with the options that "
                        "nginx -V shows, and set NGX_OBJS to the folder objs that it makes")
  endif()
  # One that was interrupted leaves headers that lack what it had yet to look for.
  set(configured ${objs}/configured)
  if(EXISTS ${configured} AND NOT ${source}/conf_flags IS_NEWER_THAN ${configured})
    return()
  endif()
  execute_process(
    COMMAND bash -c ". ./conf_flags && ./configure \"\${NGX_CONF_FLAGS[@]}\" --builddir=\"$1\"" configure ${objs}
    WORKING_DIRECTORY ${source} RESULT_VARIABLE failed OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(failed)
    message(FATAL_ERROR "NGINX's configure failed:\n${output}")
  endif()
  file(TOUCH ${configured})
endfunction()

# nginx_check_tls(OBJS) ends with an error when a module for that NGINX would load into one with TLS and not know of it.
function(nginx_check_tls objs)
  file(STRINGS ${objs}/ngx_auto_config.h features REGEX "^#define NGX_(COMPAT|SSL) ")
  if(features MATCHES "NGX_COMPAT" AND NOT features MATCHES "NGX_SSL")
    message(FATAL_ERROR "With --with-compat mediasync needs --with-http_ssl_module: ${objs} was configured without")
  endif()
endfunction()

# nginx_read_makefile(SOURCE OBJS INCLUDES DEFINITIONS) gives the folders that NGINX's own files are compiled with, and the
# macros of its name that were given to its ./configure, such as by --with-cc-opt.
function(nginx_read_makefile source objs includes definitions)
  file(READ ${objs}/Makefile makefile)
  string(REGEX MATCH "\nALL_INCS = [^\\\n]*(\\\\\n[^\\\n]*)*" all "${makefile}")
  string(REGEX MATCHALL "-I *[^ \t\n\\]+" flags "${all}")
  set(folders)
  foreach(flag IN LISTS flags)
    string(REGEX REPLACE "^-I *" "" folder "${flag}")
    cmake_path(ABSOLUTE_PATH folder BASE_DIRECTORY ${source})
    list(APPEND folders ${folder})
  endforeach()
  if(NOT folders)
    message(FATAL_ERROR "${objs}/Makefile names no include folders: is it of NGINX's ./configure?")
  endif()
  string(REGEX MATCH "\nCFLAGS = [^\n]*" cflags "${makefile}")
  string(REGEX MATCHALL "-D[A-Z_]*NGX_[^ ]+" macros "${cflags}")
  set(${includes} ${folders} PARENT_SCOPE)
  set(${definitions} ${macros} PARENT_SCOPE)
endfunction()
