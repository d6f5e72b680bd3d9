# MEDIASYNC_SANITIZE=address,undefined instruments everything we build.
if(MEDIASYNC_SANITIZE)
  add_compile_options(-fsanitize=${MEDIASYNC_SANITIZE} -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g)
  add_link_options(-fsanitize=${MEDIASYNC_SANITIZE})
endif()
