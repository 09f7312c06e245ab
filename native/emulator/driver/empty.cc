// libcudnn.so.9 and the other CUDA libraries that TensorFlow only has to find: a function that is
// called says that it is missing.
extern const char norm_stand_in_empty[] = "tfjs-cuda-norm stand-in";
