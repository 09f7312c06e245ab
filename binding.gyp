# For tools that insist on gyp: the build is CMake's, through cmake-js, and the sources are listed there.
{
  "targets": [
    {
      "target_name": "tfjs_cuda_norm",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake_js",
          "inputs": ["CMakeLists.txt"],
          "outputs": ["build/Release/tfjs_cuda_norm.node"],
          "action": ["node", "scripts/gyp.mjs"]
        }
      ]
    }
  ]
}
