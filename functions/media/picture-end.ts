/**
 * Index of the first byte after the picture, from the container's own structure; undefined when the end is missing.
 * What stands behind it (a motion photo's film, an HTML page, an archive) is no part of the picture.
 */
export function pictureEnd(bytes: Uint8Array, format: 'jpeg' | 'png' | 'webp'): number | undefined {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (format === 'jpeg') return jpegEnd(data);
  if (format === 'png') return pngEnd(data);
  return webpEnd(data);
}

/** Walks the segments; inside a scan, looks for the next marker that is neither stuffing nor a restart. */
function jpegEnd(data: Buffer): number | undefined {
  let at = 2;
  while (at + 1 < data.length) {
    at = data.indexOf(0xff, at);
    if (at === -1) return undefined;
    const marker = data[at + 1];
    if (marker === undefined) return undefined;
    if (marker === 0xd9) return at + 2;
    if (marker === 0xff) at += 1;
    else if (marker === 0x00 || marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) at += 2;
    else if (at + 4 > data.length) return undefined;
    else at += 2 + data.readUInt16BE(at + 2);
  }
  return undefined;
}

function pngEnd(data: Buffer): number | undefined {
  let at = 8;
  while (at + 12 <= data.length) {
    const next = at + 12 + data.readUInt32BE(at);
    if (data.toString('latin1', at + 4, at + 8) === 'IEND') return next <= data.length ? next : undefined;
    at = next;
  }
  return undefined;
}

/** RIFF: the size stands in the header and is padded to an even number. */
function webpEnd(data: Buffer): number | undefined {
  if (data.length < 12) return undefined;
  const size = data.readUInt32LE(4);
  if (8 + size > data.length) return undefined;
  return Math.min(data.length, 8 + size + (size % 2));
}
