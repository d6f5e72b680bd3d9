# MEDIASYNC_SANITIZE=address,undefined instruments everything we build.
if(MEDIASYNC_SANITIZE)
  add_compile_options(-fsanitize=${MEDIASYNC_SANITIZE} -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g)
  # To look whether an object's type can be read the check of vptrs opens a pipe: a process without descriptors fails it.
  add_compile_options(-fno-sanitize=vptr)
  add_link_options(-fsanitize=${MEDIASYNC_SANITIZE})
endif()
