import { labOf, rgbOf } from './simulated-colour.ts';
import { type Defect, defectiveColour } from './simulated-defect.ts';
import type { Pixels } from './simulated-mask.ts';
import type { Measured } from './simulated-vision.ts';

/** A product without its background, ready to be placed. */
export interface Layer {
  pixels: Pixels;
  /** 0 to 255: how far a pixel belongs to the product. */
  opaque: Uint8Array;
  /** Red, green, blue: 255 where light falls on the background undisturbed, less in shadow and behind glass. */
  shade: Uint8Array;
}

/** A picture to draw on; 3 bytes a pixel. */
export interface Canvas {
  data: Uint8Array;
  width: number;
  height: number;
}

/** From canvas to layer, in pixels: `layer = from + canvas × by`. */
interface Placement {
  fromX: number;
  byX: number;
  fromY: number;
  byY: number;
}

/** Share of the product that a defect takes away. */
const LOST = 0.38;

/** Draws the product onto the canvas, in the middle, with the given defects. */
export function placeLayer(canvas: Canvas, layer: Layer, measured: Measured, defects: readonly Defect[]): void {
  const { width, height } = layer.pixels;
  const { fromX, byX, fromY, byY } = placementOf(canvas, layer, measured, defects);
  const isMissing = missingPart(layer, measured, defects);
  for (let y = 0; y < canvas.height; y++) {
    const layerY = Math.round(fromY + (y + 0.5) * byY - 0.5);
    if (layerY < 0 || layerY >= height) continue;
    for (let x = 0; x < canvas.width; x++) {
      const layerX = Math.round(fromX + (x + 0.5) * byX - 0.5);
      if (layerX < 0 || layerX >= width || isMissing(layerX, layerY)) continue;
      drawPixel(canvas.data, (y * canvas.width + x) * 3, layer, layerY * width + layerX, defects);
    }
  }
}

function drawPixel(data: Uint8Array, at: number, layer: Layer, i: number, defects: readonly Defect[]): void {
  const cover = (layer.opaque[i] ?? 0) / 255;
  const own = cover > 0 ? productColour(layer.pixels.data, i, defects) : [0, 0, 0];
  for (let c = 0; c < 3; c++) {
    const scene = ((data[at + c] ?? 0) * (layer.shade[i * 3 + c] ?? 255)) / 255;
    data[at + c] = Math.round(cover * (own[c] ?? 0) + (1 - cover) * scene);
  }
}

function productColour(data: Uint8Array, i: number, defects: readonly Defect[]): readonly [number, number, number] {
  const [r, g, b] = [data[i * 4] ?? 0, data[i * 4 + 1] ?? 0, data[i * 4 + 2] ?? 0];
  const defect = defects.find(({ kind }) => kind === 'recoloured' || kind === 'darkened');
  return defect === undefined ? [r, g, b] : rgbOf(defectiveColour(labOf(r, g, b), defect));
}

function placementOf(canvas: Canvas, { pixels }: Layer, measured: Measured, defects: readonly Defect[]): Placement {
  const { box, cutAt } = measured;
  const stretch = defects.find((defect) => defect.kind === 'stretched')?.by ?? 1;
  const room = Math.min(canvas.width / pixels.width, canvas.height / pixels.height);
  const larger = Math.max(box.width * Math.max(1, stretch), box.height);
  const size = cutAt.length > 0 ? room / Math.max(1, stretch) : room * Math.min(0.76 / larger, 1.15);
  const byX = (defects.some(({ kind }) => kind === 'mirrored') ? -1 : 1) / (size * stretch);
  const byY = 1 / size;
  const off = defects.find((defect) => defect.kind === 'cut off');
  const inset = (0.5 - LOST) * box.width * pixels.width * size * stretch;
  const centreX = off === undefined ? canvas.width / 2 : off.side === 'left' ? inset : canvas.width - inset;
  // A product that an edge of its picture cuts off stays at that edge.
  const fixed = (near: boolean, far: boolean, length: number, across: number, by: number, free: number) => {
    if (near) return by > 0 ? 0 : -across * by;
    if (far) return by > 0 ? length - across * by : length;
    return free;
  };
  const freeX = (box.left + box.width / 2) * pixels.width - centreX * byX;
  const freeY = (box.top + box.height / 2) * pixels.height - 0.52 * canvas.height * byY;
  return {
    byX,
    byY,
    fromX: fixed(cutAt.includes('left'), cutAt.includes('right'), pixels.width, canvas.width, byX, freeX),
    fromY: fixed(cutAt.includes('top'), cutAt.includes('bottom'), pixels.height, canvas.height, byY, freeY),
  };
}

function missingPart(
  { pixels }: Layer,
  { box }: Measured,
  defects: readonly Defect[],
): (x: number, y: number) => boolean {
  const part = defects.find((defect) => defect.kind === 'part missing');
  if (part === undefined) return () => false;
  const x0 = box.left * pixels.width;
  const x1 = x0 + box.width * pixels.width;
  const low = (box.top + box.height * (1 - LOST)) * pixels.height;
  if (part.side === 'bottom') return (_, y) => y > low;
  if (part.side === 'left') return (x) => x < x0 + LOST * (x1 - x0);
  return (x) => x > x1 - LOST * (x1 - x0);
}
