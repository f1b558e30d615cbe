import { z } from 'zod';
import { vectorText } from '../../domain/embedding.ts';
import { ProofsheetError } from '../../domain/errors.ts';
import type { FileRef, ModelAnswer, ModelRequest, Usage } from '../../domain/model-call.ts';
import { hashOf } from '../../lib/hash.ts';
import type { Clock, Models } from '../ports.ts';
import { SIMULATED_MODEL_IDS } from './model-router.ts';
import { prominentColours } from './simulated-colour-facts.ts';
import { describePdf, describeText } from './simulated-document.ts';
import { editPicture } from './simulated-edit.ts';
import { colourVector, shapeVector } from './simulated-encoder.ts';
import { type Facts, simulatedValue } from './simulated-json.ts';
import { answerFrom, describeMeasured, isEntailed, questionsFrom } from './simulated-judge.ts';
import { makePicture } from './simulated-picture.ts';
import { measure } from './simulated-vision.ts';

export interface SimulatedModelsOptions {
  open(file: FileRef): Promise<Uint8Array>;
  /** Pretended time of an answer; needs `clock`. */
  latencyMs?: number;
  clock?: Pick<Clock, 'sleep'>;
}

/** Text that a task works on, taken out of a prompt by its label. */
interface Asking {
  request: ModelRequest;
  text: string;
  file: FileRef | undefined;
  open(file: FileRef): Promise<Uint8Array>;
}

const keywordList = z.array(z.object({ id: z.string(), text: z.string() }));
const entailmentList = z.array(z.object({ id: z.string(), question: z.string(), answer: z.string() }));
const questionList = z.array(z.object({ id: z.string(), question: z.string(), choices: z.array(z.string()) }));

/**
 * Stand-in for a model service that needs no key: it measures the pixels it is given, draws, and measures again what it
 * drew. Of texts and PDF it only counts. The same request always has the same answer. Anything else it declines with `invalid_request`.
 */
export function simulatedModels({ open, latencyMs = 0, clock }: SimulatedModelsOptions): Models {
  return {
    async call(request, { signal }) {
      signal?.throwIfAborted();
      if (latencyMs > 0) await clock?.sleep(latencyMs, signal);
      const text = request.parts.flatMap((part) => ('text' in part ? part.text : [])).join('\n\n');
      const file = request.parts.flatMap((part) => ('file' in part ? part.file : []))[0];
      return answer({ request, text, file, open });
    },
    check: (models) =>
      Promise.resolve(models.map((what) => ({ what, ok: true, message: 'simulated, answers on this machine' }))),
  };
}

async function answer(asking: Asking): Promise<ModelAnswer> {
  const { request } = asking;
  const common = {
    modelVersion: `${request.model}-1`,
    responseId: `simulated-${hashOf(request).slice(0, 16)}`,
  };
  if (request.kind === 'image') {
    const bytes = await picture(asking);
    return { ...common, usage: usageOf(asking, ''), image: { bytes, mimeType: 'image/jpeg' } };
  }
  if (request.kind === 'embed') {
    return {
      ...common,
      modelVersion: request.model,
      usage: usageOf(asking, ''),
      text: vectorText(await vectorOf(asking)),
    };
  }
  const text = request.kind === 'json' ? JSON.stringify(await json(asking)) : await words(asking);
  return { ...common, usage: usageOf(asking, text), text };
}

async function vectorOf({ request, file, open }: Asking): Promise<Float32Array> {
  if (file === undefined) {
    throw new ProofsheetError(
      'invalid_request',
      `The built-in encoder ${request.model} measures pictures and knows no words; search by a picture, or set EMBEDDING_MODEL to gemini-embedding-2 or clip:<model> and embed again.`,
    );
  }
  const bytes = await open(file);
  return request.model === SIMULATED_MODEL_IDS.visualModel ? await shapeVector(bytes) : await colourVector(bytes);
}

async function words({ text, file, open }: Asking): Promise<string> {
  if (file !== undefined) return (await factsOf(file, await open(file))).description;
  return `Simulated answer: the built-in model only measures pictures; it received ${text.length} characters of text and no picture.`;
}

async function picture({ request, text, file, open }: Asking): Promise<Uint8Array> {
  if (file === undefined) throw declined(request, 'a picture without a reference picture');
  const bytes = await open(file);
  const corrections = text.match(/\S.* must be "[^"]*" \(was "[^"]*"\)/g) ?? [];
  const scene = afterLabel(text, 'Scene wished for, as a JSON string', z.string());
  if (scene === undefined) return editPicture({ bytes, instruction: text, gentle: corrections.length > 0 });
  const { sha256 } = file;
  return makePicture({ bytes, sha256, wish: scene, corrections, aspectRatio: request.aspectRatio });
}

/** The task is told by the names of the properties that are asked for. */
async function json({ request, text, file, open }: Asking): Promise<unknown> {
  const asked = Object.keys(z.record(z.string(), z.unknown()).catch({}).parse(request.jsonSchema?.properties));
  const description = afterLabel(text, 'JSON string', z.string());
  if (asked.includes('keywords') && description !== undefined) {
    return questionsFrom(description, afterLabel(text, 'as JSON', keywordList));
  }
  const claims = afterLabel(text, 'as JSON', entailmentList);
  if (asked.includes('results') && description !== undefined && claims !== undefined) {
    return { results: claims.map((claim) => ({ id: claim.id, entailed: isEntailed(description, claim) })) };
  }
  const questions = afterLabel(text, 'as JSON', questionList);
  if (asked.includes('answers') && questions !== undefined && file !== undefined) {
    const measured = await measure(await open(file));
    return { answers: questions.map((question) => answerFrom(measured, question)) };
  }
  const prompt = afterLabel(text, 'The prompt, as a JSON string', z.string());
  if (asked.includes('diagnosis') && prompt !== undefined) return plainerPrompt(prompt);
  if (file !== undefined) return simulatedValue(request.jsonSchema ?? ANY_FACTS, await factsOf(file, await open(file)));
  throw declined(request, `JSON with the properties ${asked.join(', ') || '(none)'}`);
}

/** A guess, as a simulation has no idea of what went wrong. */
function plainerPrompt(prompt: string) {
  const diagnosis = 'Simulated: the prompt may ask for too much at once.';
  return { diagnosis, direction: 'simpler', prompt: `${prompt}, simple, clean lines, minimal background` };
}

/** What is given where no schema says what is wanted. */
const ANY_FACTS = {
  type: 'object',
  properties: Object.fromEntries([
    ...['description', 'simulated'].map((name) => [name, { type: 'string' }]),
    ['colours', { type: 'array', items: { type: 'string' } }],
    ...['width', 'height'].map((name) => [name, { type: 'integer' }]),
  ]),
};

async function factsOf({ mimeType, width = 0, height = 0 }: FileRef, bytes: Uint8Array): Promise<Facts> {
  const none = { colours: [], width, height, pieces: 0 };
  if (mimeType === 'text/plain') return { ...none, description: describeText(new TextDecoder().decode(bytes)) };
  if (mimeType === 'application/pdf') return { ...none, description: describePdf(bytes) };
  const measured = await measure(bytes);
  const description = `${describeMeasured(measured)} The picture has ${width} × ${height} pixels.`;
  return { description, colours: prominentColours(measured), width, height, pieces: measured.pieces };
}

/** The first JSON value of a shape that follows a label and a colon, on the same or the next line. */
function afterLabel<T>(text: string, label: string, shape: z.ZodType<T>): T | undefined {
  const lines = text.split('\n');
  for (const [index, line] of lines.entries()) {
    const at = line.indexOf(`${label}:`);
    if (at < 0) continue;
    const rest = line.slice(at + label.length + 1).trim() || (lines[index + 1] ?? '');
    const parsed = shape.safeParse(parsedJson(rest));
    if (parsed.success) return parsed.data;
  }
  return undefined;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function declined(request: ModelRequest, what: string): ProofsheetError {
  return new ProofsheetError(
    'invalid_request',
    `The simulated model ${request.model} cannot answer a request for ${what}; use a real model for this.`,
  );
}

/** Tokens as a real service would count them: 4 characters, 258 for a picture in, 1120 for one out. */
function usageOf({ request, text, file }: Asking, answered: string): Usage {
  return {
    input: Math.ceil(((request.system?.length ?? 0) + text.length) / 4) + (file === undefined ? 0 : 258),
    cached: 0,
    output: Math.ceil(answered.length / 4),
    outputImage: request.kind === 'image' ? 1120 : 0,
    thoughts: 0,
  };
}
