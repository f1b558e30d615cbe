/** Chromaticities of sRGB as an ICC profile stores them (XYZ relative to D50). */
const SRGB_COLORANTS = {
  rXYZ: [0.436, 0.2225, 0.0139],
  gXYZ: [0.3851, 0.7169, 0.0971],
  bXYZ: [0.1431, 0.0606, 0.7141],
} as const;

/** sRGB turns a stored 50 % into this much light. Gamma 2.2 gives 0.218, gamma 1.8 gives 0.287. */
const SRGB_MIDTONE = 0.214;

/**
 * True when pixels with this ICC profile look right to a reader that ignores profiles, as models do: primaries and midtones
 * of sRGB, whatever the profile is called; for grey profiles the midtones alone. Unknown kinds of profile give false.
 */
export function looksLikeSrgb(icc: Uint8Array): boolean {
  const profile = Buffer.from(icc.buffer, icc.byteOffset, icc.byteLength);
  if (profile.length < 132) return false;
  const space = profile.toString('latin1', 16, 20);
  if (space === 'GRAY') return hasSrgbMidtone(tagOf(profile, 'kTRC'));
  if (space !== 'RGB ') return false;
  return (
    Object.entries(SRGB_COLORANTS).every(([tag, colorant]) => isColorant(tagOf(profile, tag), colorant)) &&
    ['rTRC', 'gTRC', 'bTRC'].every((tag) => hasSrgbMidtone(tagOf(profile, tag)))
  );
}

/** The data of a tag; undefined when it is missing or lies outside the profile. */
function tagOf(profile: Buffer, name: string): Buffer | undefined {
  const count = profile.readUInt32BE(128);
  for (let entry = 132; entry < 132 + count * 12 && entry + 12 <= profile.length; entry += 12) {
    if (profile.toString('latin1', entry, entry + 4) !== name) continue;
    const offset = profile.readUInt32BE(entry + 4);
    const size = profile.readUInt32BE(entry + 8);
    return offset + size <= profile.length ? profile.subarray(offset, offset + size) : undefined;
  }
  return undefined;
}

function isColorant(tag: Buffer | undefined, expected: readonly number[]): boolean {
  if (tag === undefined || tag.length < 20) return false;
  return expected.every((value, axis) => Math.abs(tag.readInt32BE(8 + axis * 4) / 65536 - value) < 0.01);
}

function hasSrgbMidtone(tag: Buffer | undefined): boolean {
  const midtone = tag === undefined ? undefined : midtoneOf(tag);
  return midtone !== undefined && Math.abs(midtone - SRGB_MIDTONE) < 0.02;
}

/** The curve's value at 0.5. ICC.1:2022, 10.6 (curv: none, a gamma or a table) and 10.18 (para). */
function midtoneOf(tag: Buffer): number | undefined {
  if (tag.length < 12) return undefined;
  const kind = tag.toString('latin1', 0, 4);
  if (kind === 'para') return parametricMidtone(tag);
  if (kind !== 'curv') return undefined;
  const count = tag.readUInt32BE(8);
  if (count === 0) return 0.5;
  if (tag.length < 12 + count * 2) return undefined;
  if (count === 1) return 0.5 ** (tag.readUInt16BE(12) / 256);
  return tag.readUInt16BE(12 + 2 * Math.round((count - 1) / 2)) / 65535;
}

/** All five kinds are (a x + b) ^ g + e at 0.5, as the linear part of a display's curve ends far below. */
function parametricMidtone(tag: Buffer): number | undefined {
  const kind = tag.readUInt16BE(8);
  const length = [1, 3, 4, 5, 7][kind];
  if (length === undefined || tag.length < 12 + length * 4) return undefined;
  const [g = 1, a = 1, b = 0, c = 0, , e = 0] = Array.from(
    { length },
    (_, index) => tag.readInt32BE(12 + index * 4) / 65536,
  );
  const offset = kind === 2 ? c : e;
  return (a * 0.5 + b) ** g + offset;
}
