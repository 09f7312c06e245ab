# A program per native/test/*_check.cc, run by ctest. They are linked from the objects of the emulated
# library, so that they see more than its C face; kernel_check_cuda is the same program on a GPU.
enable_testing()
file(GLOB NORM_CHECKS CONFIGURE_DEPENDS native/test/*_check.cc)

function(norm_add_check name source library kind)
  add_executable(${name} ${source} $<TARGET_OBJECTS:${library}>)
  foreach(level base avx2 avx512)
    if(TARGET ${library}_${level})
      target_sources(${name} PRIVATE $<TARGET_OBJECTS:${library}_${level}>)
    endif()
  endforeach()
  target_include_directories(${name} PRIVATE native)
  target_compile_definitions(${name} PRIVATE NORM_KIND_${kind} NORM_KIND="${kind}")
  target_compile_options(${name} PRIVATE ${NORM_WARNINGS})
  target_link_libraries(${name} PRIVATE Threads::Threads ${CMAKE_DL_LIBS})
endfunction()

foreach(source ${NORM_CHECKS})
  get_filename_component(name ${source} NAME_WE)
  norm_add_check(${name} ${source} tfjs_cuda_norm_emulated emulated)
  target_include_directories(${name} BEFORE PRIVATE native/emulator)
  add_test(NAME ${name} COMMAND ${name})
  # Fibers do not go with AddressSanitizer's own stack frames.
  set_tests_properties(${name} PROPERTIES ENVIRONMENT "ASAN_OPTIONS=detect_stack_use_after_return=0")
endforeach()

# Not part of ctest: it needs a GPU.
if(NORM_HAVE_CUDA AND TARGET kernel_check)
  norm_add_check(kernel_check_cuda native/test/kernel_check.cc tfjs_cuda_norm cuda)
  target_include_directories(kernel_check_cuda SYSTEM PRIVATE ${NORM_CUDA_ROOT}/include)
  set_target_properties(kernel_check_cuda PROPERTIES LINKER_LANGUAGE CUDA CUDA_RUNTIME_LIBRARY Static)
endif()
