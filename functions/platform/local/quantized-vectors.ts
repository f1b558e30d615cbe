import { dotKernel } from './dot-kernel.ts';

/** Vectors of one length in a byte for each dimension, which tell dot products with a bound on their error. */
export interface QuantizedVectors {
  readonly count: number;
  add(vector: Float32Array): void;
  /** Adds `weight` times the estimated dot product of each vector to `estimates`, and `weight` times its largest error to `errors`. */
  estimate(query: Float32Array, weight: number, estimates: Float64Array, errors: Float64Array): void;
}

const PAGE_BYTES = 65_536;
/** Rows per call of the kernel. */
const BLOCK = 4096;
const LARGEST_CODE = 127;

interface Quantized {
  codes: Int8Array;
  /** Of a code in the vector's own unit. */
  scale: number;
  /** Lengths of the vector and of what the codes leave out of it. */
  length: number;
  loss: number;
}

/** Empty. Layout of the memory: a query, the answers of a block, the rows. */
export function quantizedVectors(dimensions: number): QuantizedVectors {
  const stride = Math.ceil(dimensions / 16) * 16;
  const answersAt = stride;
  const rowsAt = answersAt + BLOCK * 4;
  const kernel = dotKernel();
  const scales: number[] = [];
  const lengths: number[] = [];
  const losses: number[] = [];

  function place(at: number, codes: Int8Array): void {
    const missing = at + stride - kernel.memory.buffer.byteLength;
    // A growing step for many rows: each one moves the memory.
    if (missing > 0)
      kernel.memory.grow(Math.max(Math.ceil(missing / PAGE_BYTES), Math.ceil((stride * BLOCK) / PAGE_BYTES)));
    new Int8Array(kernel.memory.buffer, at, dimensions).set(codes);
  }

  return {
    get count() {
      return scales.length;
    },
    add(vector) {
      const { codes, scale, length, loss } = quantize(vector);
      place(rowsAt + scales.length * stride, codes);
      scales.push(scale);
      lengths.push(length);
      losses.push(loss);
    },
    estimate(query, weight, estimates, errors) {
      const asked = quantize(query);
      place(0, asked.codes);
      for (let from = 0; from < scales.length; from += BLOCK) {
        const count = Math.min(BLOCK, scales.length - from);
        kernel.dots(rowsAt + from * stride, stride, count, 0, stride, answersAt);
        const answers = new Int32Array(kernel.memory.buffer, answersAt, count);
        for (let n = 0; n < count; n += 1) {
          const row = from + n;
          const loss = losses[row] ?? 0;
          // x·q = (x' + d)·(q' + e) with known lengths of d and e: no more than |d||q| + |x'||e| is missing.
          const error = loss * asked.length + ((lengths[row] ?? 0) + loss) * asked.loss;
          estimates[row] = (estimates[row] ?? 0) + weight * (answers[n] ?? 0) * (scales[row] ?? 0) * asked.scale;
          errors[row] = (errors[row] ?? 0) + weight * error;
        }
      }
    },
  };
}

function quantize(vector: Float32Array): Quantized {
  let largest = 0;
  let squares = 0;
  for (let index = 0; index < vector.length; index += 1) {
    const value = vector[index] ?? 0;
    largest = Math.max(largest, Math.abs(value));
    squares += value * value;
  }
  const scale = largest / LARGEST_CODE || 1;
  const codes = new Int8Array(vector.length);
  let lost = 0;
  for (let index = 0; index < vector.length; index += 1) {
    const value = vector[index] ?? 0;
    const code = Math.round(value / scale);
    codes[index] = code;
    lost += (value - code * scale) ** 2;
  }
  return { codes, scale, length: Math.sqrt(squares), loss: Math.sqrt(lost) };
}
