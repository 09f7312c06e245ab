# tfjs_cuda_norm_emulated: the whole library with its `.cu` files compiled by the host compiler over
# native/emulator, whose <cuda_runtime.h> is found before any other. For tests only.
file(GLOB NORM_EMULATOR CONFIGURE_DEPENDS native/emulator/*.cc)

# A C++ file per `.cu` file, because in this directory a `.cu` file may already be a CUDA source.
set(NORM_EMULATED_CUDA "")
foreach(source ${NORM_CUDA})
  file(RELATIVE_PATH name ${CMAKE_CURRENT_SOURCE_DIR}/native ${source})
  string(REPLACE "/" "_" name ${name})
  set(wrapper ${CMAKE_CURRENT_BINARY_DIR}/emulated/${name}.cc)
  file(CONFIGURE OUTPUT ${wrapper} CONTENT "#include \"@source@\"\n" @ONLY)
  list(APPEND NORM_EMULATED_CUDA ${wrapper})
endforeach()
# Without contraction, explicit fmaf alone decides where a product is not rounded, as on the GPU.
set_source_files_properties(${NORM_EMULATED_CUDA} PROPERTIES
  COMPILE_OPTIONS "-ffp-contract=off;$<$<NOT:$<CONFIG:Debug>>:-O2>")

add_library(tfjs_cuda_norm_emulated SHARED ${NORM_COMMON} ${NORM_EMULATED_CUDA} ${NORM_EMULATOR})
target_include_directories(tfjs_cuda_norm_emulated BEFORE PRIVATE native/emulator)
norm_configure(tfjs_cuda_norm_emulated emulated)
