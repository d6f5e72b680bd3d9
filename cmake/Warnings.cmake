# For our own targets only; other people's headers are SYSTEM. With CMAKE_COMPILE_WARNING_AS_ERROR, as scripts/check has
# it, warnings are errors.
function(mediasync_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wconversion -Wshadow -Wno-sign-conversion)
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # False alarms on assignments to std::string in GCC 12 (its bug 105651).
    target_compile_options(${target} PRIVATE -Wno-restrict)
  endif()
endfunction()
