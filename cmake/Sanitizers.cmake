# MEDIASYNC_SANITIZE=address,undefined instruments everything we build.
if(MEDIASYNC_SANITIZE)
  # Reports need no more debugging information than lines (-g1); with all of it files take a third longer to compile.
  add_compile_options(-fsanitize=${MEDIASYNC_SANITIZE} -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g1)
  # To look whether an object's type can be read the check of vptrs opens a pipe: a process without descriptors fails it.
  add_compile_options(-fno-sanitize=vptr)
  add_link_options(-fsanitize=${MEDIASYNC_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
    # For the module: NGINX is not instrumented, and is given the library by LD_PRELOAD. Its ngx_modules is not ours.
    string(APPEND CMAKE_MODULE_LINKER_FLAGS " -shared-libsan")
    add_compile_options(-fsanitize-address-use-odr-indicator)
    find_program(LLD ld.lld)
    if(LLD)
      add_link_options(-fuse-ld=lld)  # some twenty programs, most of which is the same core
    endif()
  endif()
endif()

# What is tested, as opposed to the tests. One build serves unit tests, fuzzers and the module that clients are let loose
# on: it is a large part of the time that all of them take.
function(mediasync_instrument target)
  if(MEDIASYNC_SANITIZE)
    target_compile_options(${target} PRIVATE -O1)  # without it the tests take several times as long
  endif()
  if(MEDIASYNC_BUILD_FUZZERS)
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)  # coverage
  endif()
endfunction()
