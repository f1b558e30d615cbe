import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/*
 * Models so small that a test can write them: the mean colour of the prepared picture as its vector. Members are numbered as in onnx.proto.
 */

/** A folder as the library of transformers loads it. */
export function writeMeanColourModel(
  folder: string,
  of: { file: string; output: string; config: object; size: number },
) {
  mkdirSync(join(folder, 'onnx'), { recursive: true });
  writeFileSync(join(folder, 'onnx', of.file), meanColour(of.output));
  writeFileSync(join(folder, 'config.json'), JSON.stringify(of.config));
  const side = { height: of.size, width: of.size };
  const preparation = {
    ...{ do_resize: true, size: { shortest_edge: of.size }, do_center_crop: true, crop_size: side, do_rescale: true },
    ...{ do_normalize: true, image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5], do_convert_rgb: true },
    image_processor_type: 'CLIPImageProcessor',
  };
  writeFileSync(join(folder, 'preprocessor_config.json'), JSON.stringify(preparation));
}

function meanColour(output: string): Buffer {
  const nodes = [node('GlobalAveragePool', 'pixel_values', 'mean'), node('Flatten', 'mean', output)];
  const graph = Buffer.concat([
    ...nodes.map((one) => bytes(1, one)),
    bytes(2, Buffer.from('mean colour')),
    bytes(11, tensor('pixel_values', ['n', 3, 'h', 'w'])),
    bytes(12, tensor(output, ['n', 3])),
  ]);
  const opset = Buffer.concat([bytes(1, Buffer.alloc(0)), number(2, 13)]);
  return Buffer.concat([number(1, 8), bytes(8, opset), bytes(7, graph)]);
}

function node(operation: string, input: string, output: string): Buffer {
  return Buffer.concat([bytes(1, Buffer.from(input)), bytes(2, Buffer.from(output)), bytes(4, Buffer.from(operation))]);
}

const FLOAT = 1;

function tensor(name: string, dimensions: readonly (string | number)[]): Buffer {
  const each = dimensions.map((one) => bytes(1, typeof one === 'number' ? number(1, one) : bytes(2, Buffer.from(one))));
  const type = bytes(1, Buffer.concat([number(1, FLOAT), bytes(2, Buffer.concat(each))]));
  return Buffer.concat([bytes(1, Buffer.from(name)), bytes(2, type)]);
}

/** A member of a message of protocol buffers; all numbers here are below 128. */
function number(member: number, value: number): Buffer {
  return Buffer.from([member * 8, value]);
}

function bytes(member: number, content: Buffer): Buffer {
  const length = content.length < 128 ? [content.length] : [(content.length & 127) | 128, content.length >> 7];
  return Buffer.concat([Buffer.from([member * 8 + 2, ...length]), content]);
}
