import { hashOf } from '../../lib/hash.ts';
import { chromaOf, type Lab } from './simulated-colour.ts';
import type { Measured } from './simulated-vision.ts';

/** What a careless image model does to a product. */
export type Defect =
  | { kind: 'recoloured'; degrees: number }
  | { kind: 'darkened' }
  | { kind: 'cut off'; side: 'left' | 'right' }
  | { kind: 'part missing'; side: 'left' | 'right' | 'bottom' }
  | { kind: 'mirrored' }
  | { kind: 'stretched'; by: number };

/**
 * The mistakes in one picture, decided by the reference's hash and the corrections in the prompt alone: about half of the
 * products come out right at once, corrections put most mistakes right, and a few products never come out right.
 */
export function defectsFor(measured: Measured, sha256: string, corrections: readonly string[]): Defect[] {
  const dice = diceFrom(hashOf(['mistakes', sha256]));
  const [luck, stubborn, colour, shape, side] = [dice(), dice(), dice(), dice(), dice()];
  if (luck < 0.45) return [];
  if (corrections.length === 0 || stubborn < 0.15) {
    return [colourDefect(measured, colour), shapeDefect(measured, shape, side)];
  }
  // Shape is put right at once; the more is asked for, the likelier a colour is missed again, though in another way.
  const again = diceFrom(hashOf(['corrected', sha256, corrections]))();
  return again < 0.04 * corrections.length ? [colourDefect(measured, 1 - colour)] : [];
}

function colourDefect({ lightness }: Measured, pick: number): Defect {
  if (lightness > 50 && pick < 0.25) return { kind: 'darkened' };
  return { kind: 'recoloured', degrees: pick < 0.6 ? 110 : 205 };
}

/** Mirroring shows only where left and right differ; an edge cuts off only what it does not cut off already. */
function shapeDefect({ balance, axis, cutAt }: Measured, pick: number, side: number): Defect {
  const lopsided = Math.abs(balance.x) > 0.03 || (axis.ratio > 1.3 && Math.abs(axis.degrees) > 20);
  if (lopsided && pick < 0.4) return { kind: 'mirrored' };
  if (pick < 0.6 && cutAt.length === 0) return { kind: 'cut off', side: side < 0.5 ? 'left' : 'right' };
  if (pick < 0.8) return { kind: 'part missing', side: side < 0.4 ? 'bottom' : side < 0.7 ? 'left' : 'right' };
  return { kind: 'stretched', by: side < 0.5 ? 1.5 : 0.66 };
}

/** Colour of the product after a defect. Grey products have no hue to turn and get one. */
export function defectiveColour(lab: Lab, defect: Defect): Lab {
  if (defect.kind === 'darkened') return [lab[0] * 0.42, lab[1] * 0.6, lab[2] * 0.6];
  if (defect.kind !== 'recoloured') return lab;
  const turn = (defect.degrees * Math.PI) / 180;
  const chroma = chromaOf(lab);
  const hue = chroma > 10 ? Math.atan2(lab[2], lab[1]) : 1;
  const strength = Math.max(chroma, 36);
  return [Math.max(lab[0], 22 + lab[0] * 0.6), strength * Math.cos(hue + turn), strength * Math.sin(hue + turn)];
}

/** Numbers in [0, 1) that depend on a hash only; at most ten. */
export function diceFrom(sha256: string): () => number {
  let at = 0;
  return () => {
    const digits = sha256.slice(at, at + 6);
    at += 6;
    return Number.parseInt(digits || '0', 16) / 0x1000000;
  };
}
