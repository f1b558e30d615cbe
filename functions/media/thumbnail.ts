import { asDamage, decodeInTurn, openPicture } from './decoder.ts';
import { inspectImage } from './inspect.ts';

/**
 * A small WebP for lists and reports, upright, at most `longest` pixels on its longest side and never enlarged. Transparency
 * goes onto white, as shops show it; a dark product would vanish on a dark page. Errors: those of `inspectImage`.
 */
export async function thumbnail(
  bytes: Uint8Array,
  { longest }: { longest: number },
): Promise<{ bytes: Uint8Array; mimeType: 'image/webp'; width: number; height: number }> {
  const { stored } = await inspectImage(bytes);
  const small = () =>
    openPicture(bytes, 'error')
      .autoOrient()
      .resize({ width: longest, height: longest, fit: 'inside', withoutEnlargement: true })
      .flatten({ background: 'white' })
      .webp({ quality: 78, effort: 2 })
      .toBuffer({ resolveWithObject: true });
  try {
    const { data, info } = await decodeInTurn(stored.width * stored.height, small);
    return { bytes: data, mimeType: 'image/webp', width: info.width, height: info.height };
  } catch (thrown) {
    throw asDamage(thrown);
  }
}
