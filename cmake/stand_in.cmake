# The stand-in CUDA driver: libraries under the names that TensorFlow's CUDA build opens, over host memory. For tests
# only; in a folder of its own, which a test puts on LD_LIBRARY_PATH.
set(NORM_STAND_IN ${NORM_OUTPUT}/stand-in)
add_custom_target(stand_in)

function(norm_add_stand_in target file)
  string(REGEX MATCH "^lib(.*)\\.so\\.([0-9]+)$" parts ${file})
  add_library(${target} SHARED ${ARGN})
  set_target_properties(${target} PROPERTIES OUTPUT_NAME ${CMAKE_MATCH_1} SUFFIX .so.${CMAKE_MATCH_2}
                        LIBRARY_OUTPUT_DIRECTORY ${NORM_STAND_IN})
  add_dependencies(stand_in ${target})
  target_include_directories(${target} PRIVATE native)
  target_compile_options(${target} PRIVATE ${NORM_WARNINGS})
  target_link_libraries(${target} PRIVATE Threads::Threads ${CMAKE_DL_LIBS})
  target_link_options(${target} PRIVATE -Wl,-soname,${file} -Wl,-z,nodelete -Wl,--no-undefined)
endfunction()

set(folder native/emulator/driver)
norm_add_stand_in(stand_in_cuda libcuda.so.1 ${folder}/driver.cc ${folder}/streams.cc ${folder}/control.cc
  ${folder}/cuda_device.cc ${folder}/cuda_memory.cc ${folder}/cuda_stream.cc ${folder}/cuda_module.cc
  native/core/json.cc)
norm_add_stand_in(stand_in_cudart12 libcudart.so.12 ${folder}/cudart.cc ${folder}/cudart_errors.cc)
target_compile_definitions(stand_in_cudart12 PRIVATE NORM_RUNTIME_VERSION=12090)
norm_add_stand_in(stand_in_nvml libnvidia-ml.so.1 ${folder}/nvml.cc)
norm_add_stand_in(stand_in_cublas libcublas.so.12 ${folder}/cublas.cc)
norm_add_stand_in(stand_in_cublasLt libcublasLt.so.12 ${folder}/cublas_lt.cc)
foreach(library cudnn.so.9 cufft.so.11 cusolver.so.11 cusparse.so.12)
  string(REGEX MATCH "^[A-Za-z]+" name ${library})
  norm_add_stand_in(stand_in_${name} lib${library} ${folder}/empty.cc)
endforeach()

# The real library, the very objects of it, with the stand-in runtime inside in place of NVIDIA's, which runs on NVIDIA's
# driver only. Its kernels are launched and compute nothing.
if(NORM_HAVE_CUDA)
  set(levels "")
  foreach(level base avx2 avx512)
    if(TARGET tfjs_cuda_norm_${level})
      list(APPEND levels $<TARGET_OBJECTS:tfjs_cuda_norm_${level}>)
    endif()
  endforeach()
  add_library(stand_in_tfjs_cuda_norm SHARED ${folder}/cudart.cc ${folder}/cudart_errors.cc
              ${folder}/cudart_properties.cc $<TARGET_OBJECTS:tfjs_cuda_norm> ${levels})
  add_dependencies(stand_in stand_in_tfjs_cuda_norm)
  set_target_properties(stand_in_tfjs_cuda_norm PROPERTIES OUTPUT_NAME tfjs_cuda_norm LINKER_LANGUAGE CXX
                        LIBRARY_OUTPUT_DIRECTORY ${NORM_STAND_IN}/library)
  target_include_directories(stand_in_tfjs_cuda_norm PRIVATE native)
  target_include_directories(stand_in_tfjs_cuda_norm SYSTEM PRIVATE ${NORM_CUDA_ROOT}/include)
  target_compile_definitions(stand_in_tfjs_cuda_norm PRIVATE NORM_RUNTIME_VERSION=13000 NORM_RUNTIME_INSIDE)
  target_compile_options(stand_in_tfjs_cuda_norm PRIVATE ${NORM_WARNINGS})
  target_link_libraries(stand_in_tfjs_cuda_norm PRIVATE Threads::Threads ${CMAKE_DL_LIBS})
  target_link_options(stand_in_tfjs_cuda_norm PRIVATE -Wl,-z,nodelete -Wl,--no-undefined)
endif()
