import { asDamage, decodeInTurn, openPicture } from './decoder.ts';
import { inspectImage } from './inspect.ts';

/** Longest side of what is searched by; encoders look at far fewer pixels. */
const LONGEST = 1536;

/** A picture to search by, as JPEG, which every encoder takes; upright, on white. Errors: those of `inspectImage`. */
export async function searchPicture(bytes: Uint8Array): Promise<{ bytes: Uint8Array; width: number; height: number }> {
  const { stored } = await inspectImage(bytes);
  const draw = () =>
    openPicture(bytes, 'error')
      .autoOrient()
      .resize({ width: LONGEST, height: LONGEST, fit: 'inside', withoutEnlargement: true })
      .flatten({ background: 'white' })
      .jpeg({ quality: 95, chromaSubsampling: '4:4:4' })
      .toBuffer({ resolveWithObject: true });
  try {
    const { data, info } = await decodeInTurn(stored.width * stored.height, draw);
    return { bytes: data, width: info.width, height: info.height };
  } catch (thrown) {
    throw asDamage(thrown);
  }
}
