import sharp, { type Sharp } from 'sharp';

const LONGEST = 768;

/** Second derivative: dark and bright lines where the lightness changes. */
const EDGES = { width: 3, height: 3, kernel: [-1, -1, -1, -1, 8, -1, -1, -1, -1] };

/** Red, green and blue of old photographs, each from all three. */
const SEPIA: [[number, number, number], [number, number, number], [number, number, number]] = [
  [0.393, 0.769, 0.189],
  [0.349, 0.686, 0.168],
  [0.272, 0.534, 0.131],
];

/** `gentle`: after corrections, closer to the picture that came in. */
type Look = (picture: Sharp, gentle: boolean) => Promise<Sharp>;

/** What an instruction asks for, by its words; the first that fits. */
const LOOKS: readonly [RegExp, Look][] = [
  [/black.?(and|&).?white|monochrome|gr[ae]y.?scale|gr[ae]y/i, async (picture) => picture.greyscale()],
  [/sepia|vintage|old photo/i, async (picture) => picture.recomb(SEPIA)],
  [/sketch|pencil|line (art|drawing)/i, async (picture) => await outlines(picture, 6)],
  [/anime|cartoon|comic|illustrat|drawn|draw|paint|poster/i, drawn],
];

/** The picture in another look, decided by the words of the instruction; a touch more colour where none is known. */
export async function editPicture(order: {
  bytes: Uint8Array;
  instruction: string;
  gentle: boolean;
}): Promise<Uint8Array> {
  const [, look = plain] = LOOKS.find(([words]) => words.test(order.instruction)) ?? [];
  const picture = sharp(order.bytes)
    .rotate()
    .resize(LONGEST, LONGEST, { fit: 'inside', withoutEnlargement: true })
    .flatten({ background: 'white' })
    .toColourspace('srgb');
  const edited = await look(picture, order.gentle);
  return new Uint8Array(await edited.jpeg({ quality: 90, chromaSubsampling: '4:4:4' }).toBuffer());
}

async function plain(picture: Sharp, gentle: boolean): Promise<Sharp> {
  return picture.modulate({ saturation: gentle ? 1.05 : 1.2 });
}

/** Flat areas of few colours with dark outlines. */
async function drawn(picture: Sharp, gentle: boolean): Promise<Sharp> {
  const smooth = await picture
    .median(gentle ? 3 : 7)
    .png()
    .toBuffer();
  const colours = gentle ? 48 : 14;
  const flat = await sharp(smooth).modulate({ saturation: 1.15 }).png({ palette: true, colours, dither: 0 }).toBuffer();
  const lines = await (await outlines(sharp(smooth), gentle ? 1 : 3)).png().toBuffer();
  return sharp(flat)
    .toColourspace('srgb')
    .composite([{ input: lines, blend: 'multiply' }])
    .removeAlpha();
}

/** Dark lines on white where the lightness changes; `strength` times as dark as it changes. */
async function outlines(picture: Sharp, strength: number): Promise<Sharp> {
  const edges = picture.greyscale().blur(0.8).convolve(EDGES).raw();
  const { data, info } = await edges.toBuffer({ resolveWithObject: true });
  const lines = data.map((change) => Math.max(0, 255 - strength * change));
  return sharp(lines, { raw: info }).greyscale();
}
