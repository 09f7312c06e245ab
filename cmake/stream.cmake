# Target tfjs_cuda_norm_stream, where NORM_TENSORFLOW_INCLUDE names a folder with tensorflow/ headers (the include folder
# of a TensorFlow wheel). NORM_TENSORFLOW_VERSION is the version of that TensorFlow: its headers do not tell; inside an
# installed wheel the name of its metadata folder does.
if(NORM_TENSORFLOW_INCLUDE)
  if(NOT EXISTS ${NORM_TENSORFLOW_INCLUDE}/tensorflow/core/framework/op_kernel.h)
    message(FATAL_ERROR "NORM_TENSORFLOW_INCLUDE=${NORM_TENSORFLOW_INCLUDE} has no tensorflow/core/framework/op_kernel.h")
  endif()
  if(NOT NORM_TENSORFLOW_VERSION)
    file(GLOB metadata ${NORM_TENSORFLOW_INCLUDE}/../../tensorflow*.dist-info)
    if(metadata MATCHES "/tensorflow(_cpu|_gpu)?-([0-9][^/;]*)\\.dist-info")
      set(NORM_TENSORFLOW_VERSION ${CMAKE_MATCH_2})
    else()
      message(FATAL_ERROR "Set NORM_TENSORFLOW_VERSION to the TensorFlow version of ${NORM_TENSORFLOW_INCLUDE}")
    endif()
  endif()

  add_library(tfjs_cuda_norm_stream SHARED native/tensorflow/stream.cc)
  target_include_directories(tfjs_cuda_norm_stream PRIVATE native)
  target_include_directories(tfjs_cuda_norm_stream SYSTEM PRIVATE ${NORM_TENSORFLOW_INCLUDE})
  target_compile_definitions(tfjs_cuda_norm_stream PRIVATE
    NORM_TENSORFLOW_VERSION="${NORM_TENSORFLOW_VERSION}" _GLIBCXX_USE_CXX11_ABI=1 EIGEN_MAX_ALIGN_BYTES=64
    NDEBUG)
  # Only optimised code has every TensorFlow member inlined.
  target_compile_options(tfjs_cuda_norm_stream PRIVATE ${NORM_WARNINGS} -O2)
  target_link_options(tfjs_cuda_norm_stream PRIVATE -Wl,-z,nodelete -Wl,--no-undefined)
  message(STATUS "tfjs-cuda-norm: stream library for TensorFlow ${NORM_TENSORFLOW_VERSION}")
endif()
