/**
 * A loop of WebAssembly that computes many dot products of bytes, 16 at a time; JavaScript itself has no such instructions and takes
 * seven times as long. In the text form of WebAssembly:
 *
 *     (memory (export "memory") 1)
 *     (func (export "dots") (param $rows i32) (param $stride i32) (param $count i32) (param $query i32) (param $length i32) (param $out i32)
 *       (local $sum v128) (local $a v128) (local $b v128) (local $at i32)
 *       (block $done (loop $row
 *         (br_if $done (i32.eqz (local.get $count)))
 *         (local.set $sum (v128.const i32x4 0 0 0 0))
 *         (local.set $at (i32.const 0))
 *         (loop $part
 *           (local.set $a (v128.load (i32.add (local.get $rows) (local.get $at))))
 *           (local.set $b (v128.load (i32.add (local.get $query) (local.get $at))))
 *           (local.set $sum (i32x4.add (local.get $sum) (i32x4.add
 *             (i32x4.extadd_pairwise_i16x8_s (i16x8.extmul_low_i8x16_s (local.get $a) (local.get $b)))
 *             (i32x4.extadd_pairwise_i16x8_s (i16x8.extmul_high_i8x16_s (local.get $a) (local.get $b))))))
 *           (local.set $at (i32.add (local.get $at) (i32.const 16)))
 *           (br_if $part (i32.lt_u (local.get $at) (local.get $length))))
 *         (i32.store (local.get $out) (i32.add
 *           (i32.add (i32x4.extract_lane 0 (local.get $sum)) (i32x4.extract_lane 1 (local.get $sum)))
 *           (i32.add (i32x4.extract_lane 2 (local.get $sum)) (i32x4.extract_lane 3 (local.get $sum)))))
 *         (local.set $rows (i32.add (local.get $rows) (local.get $stride)))
 *         (local.set $out (i32.add (local.get $out) (i32.const 4)))
 *         (local.set $count (i32.sub (local.get $count) (i32.const 1)))
 *         (br $row))))
 */
const MODULE =
  'AGFzbQEAAAABCgFgBn9/f39/fwADAgEABQMBAAEHEQIGbWVtb3J5AgAEZG90cwAACqIBAZ8BAgN7AX8CQANAIAJFDQH9DAAAAAAAAAAAAAAAAAAAAAAhBkEAIQkD' +
  'QCAAIAlq/QAEACEHIAMgCWr9AAQAIQggBiAHIAj9nAH9fiAHIAj9nQH9fv2uAf2uASEGIAlBEGohCSAJIARJDQALIAUgBv0bACAG/RsBaiAG/RsCIAb9GwNqajYCACAA' +
  'IAFqIQAgBUEEaiEFIAJBAWshAgwACwsL';

export interface DotKernel {
  memory: WebAssembly.Memory;
  /** Of `count` rows from `rows` on, `stride` apart, each with `query`, as 32-bit integers to `out`; `length` is a multiple of 16. */
  dots(rows: number, stride: number, count: number, query: number, length: number, out: number): void;
}

/** A kernel with a memory of its own. Addresses are bytes in it. */
export function dotKernel(): DotKernel {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(MODULE, 'base64')));
  return { memory: exports.memory as WebAssembly.Memory, dots: exports.dots as DotKernel['dots'] };
}
