# Finds nvcc (CUDACXX, PATH, or the toolkit that setup keeps in the user cache) and says how CUDA sources compile.
set(NORM_HAVE_CUDA OFF)
if(NOT DEFINED NORM_CUDA OR NORM_CUDA)
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    set(NORM_HAVE_CUDA ON)
    get_filename_component(NORM_CUDA_ROOT ${CMAKE_CUDA_COMPILER} DIRECTORY)
    get_filename_component(NORM_CUDA_ROOT ${NORM_CUDA_ROOT} DIRECTORY)
  endif()
endif()

# sm_80 .. sm_90 machine code plus PTX for what comes later; the CUDAARCHS variable overrides.
if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
  if(DEFINED ENV{CUDAARCHS})
    set(CMAKE_CUDA_ARCHITECTURES $ENV{CUDAARCHS})
  else()
    set(CMAKE_CUDA_ARCHITECTURES 80-real 86-real 89-real 90)
  endif()
endif()

find_path(NORM_NVTX_INCLUDE nvtx3/nvToolsExt.h HINTS ${NORM_CUDA_ROOT}/include)
if(NOT NORM_NVTX_INCLUDE)
  set(NORM_NVTX_INCLUDE "")
endif()

function(norm_configure_cuda target)
  set(CMAKE_CUDA_STANDARD 17)
  set_target_properties(${target} PROPERTIES CUDA_STANDARD 17 CUDA_STANDARD_REQUIRED ON
                        CUDA_RUNTIME_LIBRARY Static CUDA_VISIBILITY_PRESET hidden)
  string(REPLACE ";" "," architectures "${CMAKE_CUDA_ARCHITECTURES}")
  target_compile_definitions(${target} PRIVATE NORM_ARCHITECTURES="${architectures}")
  target_include_directories(${target} SYSTEM PRIVATE ${NORM_CUDA_ROOT}/include)
  # Warnings are errors, and so is any spill or local memory in a kernel.
  target_compile_options(${target} PRIVATE
    "$<$<COMPILE_LANGUAGE:CUDA>:--Werror=all-warnings>"
    "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra>"
    "$<$<COMPILE_LANGUAGE:CUDA>:-Xptxas=--warn-on-spills,--warn-on-local-memory-usage,--warning-as-error>")
endfunction()
