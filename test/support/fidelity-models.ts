import type { ModelRequest } from '../../functions/domain/model-call.ts';
import { readAnswer } from '../../functions/platform/google/gemini-answer.ts';
import type { Files, Models } from '../../functions/platform/ports.ts';
import { respondToFidelity } from './fidelity-responder.ts';
import type { Call } from './gemini-server.ts';

/** `respondToFidelity` as models of this process, without a server. `paid` counts the answers. */
export function fidelityModels(open: Files['open']): Models & { paid: number } {
  const models = {
    paid: 0,
    async call(request: ModelRequest) {
      const images: { data: Buffer }[] = [];
      for (const part of request.parts) if ('file' in part) images.push({ data: Buffer.from(await open(part.file)) });
      const prompt = request.parts.flatMap((part) => ('text' in part ? part.text : [])).join('\n');
      const body = { generationConfig: { responseJsonSchema: request.jsonSchema } };
      const reply = respondToFidelity({ kind: request.kind, prompt, images, body } as unknown as Call);
      models.paid += 1;
      return readAnswer(JSON.parse(JSON.stringify(reply)), request);
    },
    check: () => Promise.resolve([]),
  };
  return models;
}
