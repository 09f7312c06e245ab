import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { io, Tensor } from '@tensorflow/tfjs';
import { tf } from '../../../src';
import { normal } from '../arrays';
import type { Model, Normalizer } from '../describeNormalizer';
import { expectSameBits } from '../expectClose';
import { tensor } from '../tensors';

const SHAPE = [4, 3, 6];
const SAMPLES = 24;

function smallModel({ layer }: Normalizer): Model {
  const model = tf.sequential({
    layers: [
      tf.layers.inputLayer({ inputShape: SHAPE }),
      layer.create({ ...layer.usable, name: 'normalizer' }),
      tf.layers.flatten(),
      tf.layers.dense({ units: 1, kernelInitializer: tf.initializers.glorotNormal({ seed: 7 }) }),
    ],
  });
  model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
  return model;
}

async function train(model: Model, data = { mean: 3, deviation: 2 }): Promise<number[]> {
  const x = tensor(normal([SAMPLES, ...SHAPE], 11, data));
  const y = tf.tidy(() => x.mean([1, 2]).slice([0, 0], [SAMPLES, 1]).mul(0.5) as Tensor);
  const { history } = await model.fit(x, y, {
    epochs: 2,
    batchSize: 8,
    shuffle: false,
    verbose: 0,
  });
  tf.dispose([x, y]);
  return history.loss as number[];
}

function predict(model: Model): Float32Array {
  return tf.tidy(() => {
    const x = tensor(normal([5, ...SHAPE], 12, { mean: 3, deviation: 2 }));
    return Float32Array.from((model.predict(x) as Tensor).dataSync());
  });
}

/** The layer inside a model: fit, save and load. */
export function describeTraining(normalizer: Normalizer): void {
  const trained = (model: Model) => train(model, normalizer.trainingData);
  describe('model', () => {
    test('fit changes the weights and lowers the loss', async () => {
      const model = smallModel(normalizer);
      const layer = model.getLayer('normalizer');
      const before = layer.getWeights().map((weight) => [...weight.dataSync()]);
      const [first, second] = await trained(model);
      expect(second).toBeLessThan(first!);
      const after = layer.getWeights().map((weight) => [...weight.dataSync()]);
      for (const [i, values] of after.entries()) expect(values).not.toEqual(before[i]);
      model.dispose();
    });

    test('two fits of equal models give the same bits', async () => {
      const [a, b] = [smallModel(normalizer), smallModel(normalizer)];
      expect(await trained(a)).toEqual(await trained(b));
      expectSameBits('predictions', predict(a), predict(b));
      a.dispose();
      b.dispose();
    });

    test('saved to memory and loaded, it predicts the same', async () => {
      const model = smallModel(normalizer);
      await trained(model);
      let saved: io.ModelArtifacts | undefined;
      await model.save(
        tf.io.withSaveHandler(async (artifacts: io.ModelArtifacts) => {
          saved = artifacts;
          return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
        }),
      );
      // The topology goes through text, as in a model.json.
      const modelTopology = JSON.parse(JSON.stringify(saved!.modelTopology));
      const loaded = await tf.loadLayersModel(tf.io.fromMemory({ ...saved!, modelTopology }));
      expectSameBits('predictions', predict(loaded), predict(model));
      loaded.dispose();
      model.dispose();
    });

    test('saved to disk and loaded, it predicts the same and trains on', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'tfjs-cuda-norm-'));
      const model = smallModel(normalizer);
      try {
        await trained(model);
        await model.save(`file://${folder}`);
        const loaded = await tf.loadLayersModel(`file://${folder}/model.json`);
        expect(loaded.getLayer('normalizer').getConfig()).toEqual(
          model.getLayer('normalizer').getConfig(),
        );
        expectSameBits('predictions', predict(loaded), predict(model));
        loaded.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
        const [first, second] = await trained(loaded);
        expect(second).toBeLessThan(first!);
        loaded.dispose();
      } finally {
        model.dispose();
        rmSync(folder, { recursive: true });
      }
    });
  });
}
