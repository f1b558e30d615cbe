import { describe, expect, it } from 'vitest';
import { looksLikeSrgb } from '../../functions/media/colour-profile.ts';

const SRGB = { rXYZ: [0.436, 0.2225, 0.0139], gXYZ: [0.3851, 0.7169, 0.0971], bXYZ: [0.1431, 0.0606, 0.7141] };
const ADOBE = { rXYZ: [0.6097, 0.3111, 0.0195], gXYZ: [0.2053, 0.6257, 0.0609], bXYZ: [0.1492, 0.0632, 0.7446] };

const fixed = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(Math.round(value * 65536));
  return bytes;
};
const xyz = (values: number[]) => Buffer.concat([Buffer.from('XYZ \0\0\0\0', 'latin1'), ...values.map(fixed)]);
const curve = (...values: number[]) => {
  const bytes = Buffer.alloc(12 + values.length * 2);
  bytes.write('curv', 'latin1');
  bytes.writeUInt32BE(values.length, 8);
  for (const [index, value] of values.entries()) bytes.writeUInt16BE(value, 12 + index * 2);
  return bytes;
};
const parametric = (kind: number, ...values: number[]) => {
  const head = Buffer.from('para\0\0\0\0\0\0\0\0', 'latin1');
  head.writeUInt16BE(kind, 8);
  return Buffer.concat([head, ...values.map(fixed)]);
};

function profile(space: string, tags: Record<string, Buffer>): Buffer {
  const entries = Object.entries(tags);
  const table = Buffer.alloc(4 + entries.length * 12);
  table.writeUInt32BE(entries.length);
  let offset = 128 + table.length;
  for (const [index, [name, data]] of entries.entries()) {
    table.write(name, 4 + index * 12, 'latin1');
    table.writeUInt32BE(offset, 8 + index * 12);
    table.writeUInt32BE(data.length, 12 + index * 12);
    offset += data.length;
  }
  const header = Buffer.alloc(128);
  header.write(space, 16, 'latin1');
  return Buffer.concat([header, table, ...entries.map(([, data]) => data)]);
}

function rgb(colorants: Record<string, number[]>, tone: Buffer): Buffer {
  const places = Object.entries(colorants).map(([name, values]) => [name, xyz(values)]);
  return profile('RGB ', { ...Object.fromEntries(places), rTRC: tone, gTRC: tone, bTRC: tone });
}

describe('looksLikeSrgb', () => {
  it.each([
    ['sRGB with gamma 2.2', rgb(SRGB, curve(2.2 * 256)), true],
    ['sRGB with its own curve', rgb(SRGB, parametric(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)), true],
    ['sRGB with a table', rgb(SRGB, curve(0, 0.214 * 65535, 65535)), true],
    ['sRGB primaries, gamma 1.8', rgb(SRGB, curve(1.8 * 256)), false],
    ['sRGB primaries, linear', rgb(SRGB, curve()), false],
    ['Adobe RGB', rgb(ADOBE, curve(2.2 * 256)), false],
    ['RGB without curves', profile('RGB ', { rXYZ: xyz(SRGB.rXYZ) }), false],
    ['grey with gamma 2.2', profile('GRAY', { kTRC: parametric(0, 2.2) }), true],
    ['grey with dot gain', profile('GRAY', { kTRC: curve(0, 0.3 * 65535, 65535) }), false],
    ['CMYK', profile('CMYK', {}), false],
    ['nothing', Buffer.alloc(0), false],
  ])('%s: %s', (_, icc, expected) => {
    expect(looksLikeSrgb(icc)).toBe(expected);
  });

  it('survives a profile that is cut off or lies about its size', () => {
    const whole = rgb(SRGB, curve(2.2 * 256));
    for (let length = 0; length < whole.length; length += 1)
      expect(looksLikeSrgb(whole.subarray(0, length))).toBe(false);
    const lying = Buffer.from(whole);
    lying.writeUInt32BE(0xffffffff, 128);
    expect(looksLikeSrgb(lying)).toBe(true);
    lying.writeUInt32BE(0xfffffff0, 128 + 8);
    expect(looksLikeSrgb(lying)).toBe(false);
  });
});
