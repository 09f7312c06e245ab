// What npm runs before it packs or publishes this folder, which has no prebuilt libraries: those are packed elsewhere.
process.stderr.write(
  'This folder is not the package. "npm run pack -- --release" makes it, with its libraries, as output/tfjs-cuda-norm-*.tgz;\n' +
    'publish that file: npm publish output/tfjs-cuda-norm-VERSION.tgz\n',
);
process.exitCode = 1;
