/** Header of a `.npy` file (format 1.0) of 32-bit floats, row after row. Source: numpy.lib.format. */
export function npyHeader(rows: number, columns: number): Uint8Array {
  const magic = [0x93, ...Buffer.from('NUMPY'), 1, 0];
  const description = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${columns}), }`;
  // Padded with blanks to a multiple of 64, the length and the line feed included.
  const before = magic.length + 2 + description.length + 1;
  const padding = ' '.repeat((64 - (before % 64)) % 64);
  const text = Buffer.from(`${description}${padding}\n`);
  const length = Buffer.alloc(2);
  length.writeUInt16LE(text.length);
  return Buffer.concat([Uint8Array.from(magic), length, text]);
}
