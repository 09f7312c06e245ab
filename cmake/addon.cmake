# The N-API addon tfjs_cuda_norm.node. Its headers are the npm packages node-addon-api and node-api-headers of
# this checkout (cmake-js hands over the latter's folder), so nothing is downloaded.
find_program(NORM_NODE NAMES node nodejs REQUIRED)

function(norm_npm_package name result)
  execute_process(
    COMMAND ${NORM_NODE} -p "require('path').dirname(require.resolve('${name}/package.json'))"
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
    OUTPUT_VARIABLE folder OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE code)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "tfjs-cuda-norm: the npm package ${name} is not installed: run npm ci, or configure "
                        "with -DNORM_ADDON=OFF to build without the N-API addon")
  endif()
  set(${result} ${folder} PARENT_SCOPE)
endfunction()

norm_npm_package(node-addon-api NORM_NODE_ADDON_API)
if(CMAKE_JS_INC)
  set(NORM_NODE_INCLUDE ${CMAKE_JS_INC})
else()
  norm_npm_package(node-api-headers NORM_NODE_API_HEADERS)
  set(NORM_NODE_INCLUDE ${NORM_NODE_API_HEADERS}/include)
endif()

file(GLOB NORM_ADDON_SOURCES CONFIGURE_DEPENDS native/addon/*.cc)
add_library(tfjs_cuda_norm_node SHARED ${NORM_ADDON_SOURCES})
set_target_properties(tfjs_cuda_norm_node PROPERTIES OUTPUT_NAME tfjs_cuda_norm PREFIX "" SUFFIX .node)
target_include_directories(tfjs_cuda_norm_node PRIVATE native)
target_include_directories(tfjs_cuda_norm_node SYSTEM PRIVATE ${NORM_NODE_ADDON_API} ${NORM_NODE_INCLUDE})
target_compile_definitions(tfjs_cuda_norm_node PRIVATE NAPI_VERSION=8 NAPI_CPP_EXCEPTIONS
                                                       NODE_GYP_MODULE_NAME=tfjs_cuda_norm)
target_compile_options(tfjs_cuda_norm_node PRIVATE ${NORM_WARNINGS})
target_link_libraries(tfjs_cuda_norm_node PRIVATE Threads::Threads ${CMAKE_DL_LIBS})
# Node unloads an addon with the worker that loaded it; the op library's handle must outlive that worker.
target_link_options(tfjs_cuda_norm_node PRIVATE -Wl,-z,nodelete)

# The tool of `tfjs-cuda-norm profile` where there is no profiler.
if(NORM_NVTX_INCLUDE)
  add_library(tfjs_cuda_norm_profile SHARED native/profiler/ranges.cc native/core/json.cc)
  target_include_directories(tfjs_cuda_norm_profile PRIVATE native)
  target_include_directories(tfjs_cuda_norm_profile SYSTEM PRIVATE ${NORM_NVTX_INCLUDE})
  target_compile_options(tfjs_cuda_norm_profile PRIVATE ${NORM_WARNINGS})
endif()

if(NORM_TESTS)
  add_library(stand_in_node SHARED native/test/stand_in_addon.cc)
  set_target_properties(stand_in_node PROPERTIES OUTPUT_NAME stand_in PREFIX "" SUFFIX .node)
  target_include_directories(stand_in_node PRIVATE native)
  target_include_directories(stand_in_node SYSTEM PRIVATE ${NORM_NODE_ADDON_API} ${NORM_NODE_INCLUDE})
  target_compile_definitions(stand_in_node PRIVATE NAPI_VERSION=8 NAPI_CPP_EXCEPTIONS NODE_GYP_MODULE_NAME=stand_in)
  target_compile_options(stand_in_node PRIVATE ${NORM_WARNINGS})
  target_link_libraries(stand_in_node PRIVATE ${CMAKE_DL_LIBS})
endif()
